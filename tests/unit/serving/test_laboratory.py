"""experiments.toml on its way into force: through the log, checked against what ruled, models loaded aside."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from feedrank.errors import StoreFull
from feedrank.features import NAMES, fingerprint_of
from feedrank.records import ExperimentsChanged, decode
from feedrank.registry import Registry
from feedrank.serving.laboratory import Laboratory
from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.types import SECOND, Micros

NOW: Micros = 1_795_000_000 * SECOND


def text(model: str = "prior", *, salt: str = "a", head: str = "") -> str:
    return (
        f'[[experiment]]\nname="a"\nsalt="{salt}"\nlayer="one"\n{head}\n'
        f'variant=[{{name="control", weight=50}}, {{name="new", weight=50, model="{model}"}}]\n'
    )


class Bench:
    """One store with any number of workers' laboratories, stepped by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = Settings(models_dir=folder / "models", encoder="none")
        self.store = SqliteStore.open(folder, self.settings)
        self.loader = ThreadPoolExecutor(1)
        self.file = folder / "experiments.toml"
        self.read: dict[Laboratory, int] = {}

    def laboratory(self) -> Laboratory:
        registry = Registry(self.settings.models_dir, fingerprint_of)
        made = Laboratory(self.store, registry, self.settings, self.folder, lambda: NOW, self.loader)
        made.start(None)
        self.read[made] = self.store.position()
        return made

    def tail(self, laboratory: Laboratory) -> None:
        """Heeds what was recorded since, and waits for models."""
        for record in self.store.read(self.read[laboratory], 1_000):
            fact = decode(record)
            if isinstance(fact, ExperimentsChanged):
                laboratory.heed(fact)
            self.read[laboratory] = record.offset
        self.loader.submit(lambda: None).result()
        laboratory.take_loaded()

    def records(self) -> list[str]:
        facts = (decode(record) for record in self.store.read(0, 1_000))
        return [fact.toml for fact in facts if isinstance(fact, ExperimentsChanged)]


@pytest.fixture
def bench(tmp_path: Path):
    bench = Bench(tmp_path)
    yield bench
    bench.loader.shutdown()
    bench.store.close()


def names(laboratory: Laboratory) -> list[str]:
    return [e.name for e in laboratory.trials.experiments.experiment]


def test_what_one_worker_records_every_worker_follows_and_a_new_one_finds(bench: Bench):
    one, two = bench.laboratory(), bench.laboratory()
    one.look()
    assert bench.records() == []  # no file, nothing to say
    bench.file.write_text(text())
    for each in (one, two):
        each.look()
    assert bench.records() == [text()]  # once, whoever looked
    assert names(one) == []  # in force by the record alone
    for each in (one, two):
        bench.tail(each)
    assert names(one) == names(two) == ["a"] and one.trials.hash == two.trials.hash
    assert list(one.trials.models) == ["prior"]
    assert names(bench.laboratory()) == ["a"]  # after a restart
    bench.file.unlink()
    two.look()
    for each in (one, two):
        bench.tail(each)
    assert names(one) == names(two) == [] and bench.records() == [text(), ""]


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (text(salt="b"), "its salt changed"),
        (text("news@20260101T000000000000-00000000"), "variant 'new' model"),
        ("[[experiment]]\nname='a'", "experiment 'a', salt: Field required"),
        (
            text("news@20260101T000000000000-00000000").replace('"a"', '"b"').replace('"one"', '"two"'),
            "experiment 'b', variant 'new' names a model that is not registered",
        ),
        (
            text() + '[[shadow]]\nname="s"\nmodel="news@20260101T000000000000-00000000"',
            "shadow 's' names a model that is not registered",
        ),
    ],
)
def test_a_file_that_may_not_rule_changes_nothing_and_is_told_until_it_is_mended(bench: Bench, broken, says):
    laboratory = bench.laboratory()
    bench.file.write_text(text())
    laboratory.look()
    bench.tail(laboratory)
    bench.file.write_text(broken)
    for _ in range(2):
        laboratory.look()
        (told,) = laboratory.problems
        assert says in told
    assert bench.records() == [text()] and names(laboratory) == ["a"]
    bench.file.write_text(text() + "\n# mended\n")
    laboratory.look()
    assert laboratory.problems == ()


def test_a_file_that_cannot_be_read_is_told_and_read_when_it_can(bench: Bench):
    laboratory = bench.laboratory()
    bench.file.write_bytes(b"\xff\xfe")
    laboratory.look()
    assert "cannot be read" in laboratory.problems[0]
    bench.file.write_text(text())
    laboratory.look()
    assert laboratory.problems == () and bench.records() == [text()]


def test_a_file_that_is_being_written_ends_nothing(bench: Bench):
    """Writing in place empties a file first: recorded then, all experiments would end, and any salt could follow."""
    laboratory = bench.laboratory()
    bench.file.write_text(text())
    laboratory.look()
    bench.tail(laboratory)
    with bench.file.open("w") as being_written:
        for _ in range(2):
            laboratory.look()
            assert laboratory.problems == (
                "experiments.toml is empty, and what was in force stays: write to it, or delete it",
            )
        bench.tail(laboratory)
        assert bench.records() == [text()] and names(laboratory) == ["a"]
        being_written.write(text(salt="b"))
    laboratory.look()
    assert "its salt changed" in laboratory.problems[0]
    bench.file.write_text("# none\n")
    laboratory.look()
    bench.tail(laboratory)
    assert names(laboratory) == [] and laboratory.problems == ()


def test_a_file_that_changes_while_it_is_read_is_read_again(bench: Bench, monkeypatch):
    laboratory = bench.laboratory()
    bench.file.write_text(text())
    read = Path.read_text

    def half(path: Path, **how: Any) -> str:
        whole = read(path, **how)
        path.write_text(whole + "\n# more\n")
        return whole

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_text", half)
        laboratory.look()
    assert bench.records() == []
    laboratory.look()
    assert bench.records() == [text() + "\n# more\n"]


def test_while_another_worker_records_the_file_waits_for_the_next_look(bench: Bench):
    laboratory = bench.laboratory()
    bench.file.write_text(text())
    assert bench.store.acquire_lease("experiments", "another", NOW, 60 * SECOND)
    laboratory.look()
    assert bench.records() == []
    bench.store.release_lease("experiments", "another")
    laboratory.look()
    assert bench.records() == [text()]


def test_what_the_store_refused_is_recorded_at_the_next_look(bench: Bench, monkeypatch):
    laboratory = bench.laboratory()
    bench.file.write_text(text())

    def full(*record: object) -> int:
        raise StoreFull("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(bench.store, "append_control", full)
        with pytest.raises(StoreFull):
            laboratory.look()
    laboratory.look()
    assert bench.records() == [text()]


def test_a_damaged_model_is_a_failure_that_a_touch_tries_again(bench: Bench, register_model):
    reference = register_model(bench.settings.models_dir, "m", NAMES[:5], "")
    name, _, version = reference.partition("@")
    body = next((bench.settings.models_dir / name / version).glob("*.txt"))
    whole = body.read_text()
    body.write_text(whole + "\n")
    laboratory = bench.laboratory()
    bench.file.write_text(text(reference))
    laboratory.look()
    bench.tail(laboratory)
    assert list(laboratory.trials.failures) == [reference]
    assert "does not load, its users get the control" in laboratory.problems[0]
    body.write_text(whole)
    bench.file.touch()
    laboratory.look()
    bench.tail(laboratory)
    assert list(laboratory.trials.models) == [reference] and laboratory.problems == ()
    assert bench.records() == [text(reference)]  # nothing new was defined
    # A kill is not kept from anybody by a model that has gone meanwhile.
    body.unlink()
    bench.file.write_text(text(reference, head="enabled=false"))
    laboratory.look()
    bench.tail(laboratory)
    assert not laboratory.trials.experiments.experiment[0].enabled and not laboratory.trials.models
