"""The registry: a version comes out as it went in, or not at all."""

import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

import lightgbm
import numpy as np
import pytest

from feedrank.errors import Conflict, InvalidInput, NotFound, RegistryError
from feedrank.pipeline.scorers import LightGBMScorer
from feedrank.registry import DataRange, Registry
from feedrank.registry import registry as registry_module
from feedrank.registry.files import sha256, write_folder
from feedrank.registry.golden import GOLDEN_FILE, MODEL_FILE, golden_bytes, synthetic_rows

FEATURES = ("alpha", "beta", "gamma")


def fingerprint_of(name: str, space: str) -> str | None:
    """The features this test's code defines; `gamma` reads vectors."""
    if name not in FEATURES:
        return None
    return sha256(f"{name}{space if name == 'gamma' else ''}".encode())[:16]


def model_text(names: Sequence[str] | None = FEATURES, rounds: int = 5, seed: int = 0) -> str:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((300, len(FEATURES)))
    data = lightgbm.Dataset(
        rows,
        (rows[:, 0] + rng.standard_normal(300) > 0.5).astype(int),
        group=[10] * 30,
        feature_name="auto" if names is None else list(names),
    )
    params = {"objective": "lambdarank", "num_leaves": 7, "min_data_in_leaf": 5, "verbose": -1, "num_threads": 1}
    return lightgbm.train(params, data, rounds).model_to_string()


def publish(registry: Registry, name: str = "news", seed: int = 0, **options: object) -> str:
    return registry.publish(name, model_text(seed=seed), FEATURES, "text", synthetic_rows(3), **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """A registry of one version; read-only for its users."""
    registry = Registry(tmp_path_factory.mktemp("models"), fingerprint_of)
    publish(
        registry,
        counter_delay_s=300.0,
        data=DataRange(start=1, until=2, impressions=3, rows=4),
        metrics={"auc": 0.75, "broken": float("nan")},
        params={"seed": 1},
        git_commit="abc",
    )
    return registry


@pytest.fixture
def copied(published: Registry, tmp_path: Path) -> Registry:
    """A copy to damage."""
    shutil.copytree(published.folder, tmp_path / "models")
    return Registry(tmp_path / "models", fingerprint_of)


def folder_of(registry: Registry, reference: str = "news") -> Path:
    name, _, version = registry.resolve(reference).partition("@")
    return registry.folder / name / version


def test_a_version_comes_out_as_it_went_in(published: Registry) -> None:
    loaded = published.load("news")
    assert loaded.reference == published.resolve("news")
    assert loaded.model_text == model_text()
    manifest = loaded.manifest
    assert manifest.feature_names == FEATURES
    assert (manifest.space, manifest.counter_delay_s, manifest.git_commit) == ("text", 300.0, "abc")
    assert manifest.data == DataRange(start=1, until=2, impressions=3, rows=4)
    assert manifest.metrics == {"auc": 0.75}, "JSON knows no NaN"
    rows = synthetic_rows(3)
    scores = LightGBMScorer(loaded.model_text, manifest.feature_names).score(rows)["margin"]
    with np.load(folder_of(published) / GOLDEN_FILE) as golden:
        np.testing.assert_array_equal(golden["rows"], rows)
        np.testing.assert_allclose(golden["scores"], scores, rtol=1e-12)
    assert [v.reference for v in published.versions()] == [loaded.reference]


@pytest.mark.parametrize("file", [MODEL_FILE, GOLDEN_FILE, "manifest.json", "manifest.sha256"])
@pytest.mark.parametrize("damage", ["altered", "truncated", "missing"])
def test_a_damaged_file_is_named_before_anything_parses_it(copied: Registry, file: str, damage: str) -> None:
    path = folder_of(copied) / file
    data = path.read_bytes()
    if damage == "altered":
        path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    elif damage == "truncated":
        path.write_bytes(data[: len(data) // 2])
    else:
        path.unlink()
    with pytest.raises(RegistryError, match=r"altered since it was registered|missing or unreadable") as caught:
        copied.load("news")
    assert str(folder_of(copied)) in str(caught.value)
    assert len(copied.versions()) == (1 if file in (MODEL_FILE, GOLDEN_FILE) else 0)


def test_a_child_loads_a_version_once_sums_count_always(copied: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    children: list[Path] = []

    monkeypatch.setattr(registry_module, "verify_in_child", lambda folder, features: children.append(folder))
    assert copied.load("news").model_text == copied.load("news").model_text
    assert children == [folder_of(copied)]
    (folder_of(copied) / MODEL_FILE).write_text("another")
    with pytest.raises(RegistryError, match="altered since"):
        copied.load("news")


def test_a_version_moved_under_another_name_is_refused(copied: Registry) -> None:
    folder = folder_of(copied)
    target = copied.folder / "other" / folder.name
    target.parent.mkdir()
    folder.rename(target)
    with pytest.raises(RegistryError, match="its manifest is of news@"):
        copied.load("other")


def test_scores_that_are_not_golden_are_refused(copied: Registry) -> None:
    """As another LightGBM might give them: every sum is right, and yet the model is not what it was."""
    folder = folder_of(copied)
    golden = golden_bytes(synthetic_rows(3), np.full(len(synthetic_rows(3)), 0.25))
    old = sha256((folder / GOLDEN_FILE).read_bytes())
    (folder / GOLDEN_FILE).write_bytes(golden)
    body = (folder / "manifest.json").read_text().replace(old, sha256(golden)).encode()
    (folder / "manifest.json").write_bytes(body)
    (folder / "manifest.sha256").write_text(sha256(body))
    with pytest.raises(RegistryError, match="does not give its golden scores"):
        copied.load("news")


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (lambda name, space: None if name == "beta" else fingerprint_of(name, space), "'beta', which is not defined"),
        (lambda name, space: fingerprint_of(name, space + "2"), "definition of feature 'gamma' has changed"),
    ],
)
def test_code_that_no_longer_makes_its_features_refuses_a_model(published: Registry, now: object, said: str) -> None:
    with pytest.raises(RegistryError, match=said):
        Registry(published.folder, now).load("news")  # type: ignore[arg-type]


def test_unknown_models_are_not_found_and_the_known_are_named(published: Registry) -> None:
    with pytest.raises(NotFound, match="there is: news"):
        published.load("olds")
    with pytest.raises(NotFound, match="its newest is"):
        published.load("news@20200101T000000000000-00000000")


@pytest.mark.parametrize("name", ["", ".", "..", "../news", "a/b", "a b", "-a", "a" * 65, "néws", "a\n"])
def test_no_name_leaves_the_folder(published: Registry, name: str) -> None:
    for call in (published.resolve, published.load, published.check_new):
        with pytest.raises(InvalidInput, match="is no name"):
            call(name)
    with pytest.raises(InvalidInput):
        published.set_alias(name, "news", "a test")


@pytest.mark.parametrize(
    ("text", "features", "said"),
    [
        ("this is no model", FEATURES, "does not load"),
        (model_text()[:700], FEATURES, "does not load"),
        (model_text(), ("beta", "alpha", "gamma"), "is said to read"),
        (model_text(), ("alpha", "beta"), "is said to read"),
        (model_text(), ("alpha", "beta", "delta"), "'delta' is not defined"),
    ],
)
def test_what_does_not_load_is_not_published(tmp_path: Path, text: str, features: tuple[str, ...], said: str) -> None:
    registry = Registry(tmp_path, fingerprint_of)
    with pytest.raises(RegistryError, match=said):
        registry.publish("news", text, features, "", synthetic_rows(len(features)))
    assert registry.versions() == []
    assert [p for p in tmp_path.rglob("*") if p.is_file() and p.suffix != ".lock"] == []


def test_a_model_fitted_to_nameless_columns_takes_the_names_it_is_given(tmp_path: Path) -> None:
    registry = Registry(tmp_path, fingerprint_of)
    registry.publish("news", model_text(names=None), FEATURES, "", synthetic_rows(3))
    assert registry.load("news").manifest.feature_names == FEATURES


def test_wrong_golden_scores_are_found_when_publishing(tmp_path: Path) -> None:
    rows = synthetic_rows(3)
    with pytest.raises(RegistryError, match="golden scores"):
        Registry(tmp_path, fingerprint_of).publish("news", model_text(), FEATURES, "", rows, np.zeros(len(rows)))


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    def fail(aside: Path) -> dict[str, bytes]:
        (aside / "half").write_bytes(b"a half")
        raise RegistryError("no")

    with pytest.raises(RegistryError, match="no"):
        write_folder(tmp_path / "a" / "b", fail)
    assert list((tmp_path / "a").iterdir()) == []
    write_folder(tmp_path / "a" / "b", lambda aside: {"x": b"1"})
    with pytest.raises(RegistryError, match="could not be written"):
        write_folder(tmp_path / "a" / "b", lambda aside: {"x": b"2"})
    assert (tmp_path / "a" / "b" / "x").read_bytes() == b"1"
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["b"]


def test_a_folder_that_cannot_be_made_is_an_error_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RegistryError, match="file"):
        publish(Registry(tmp_path / "file", fingerprint_of))


def with_versions(folder: Path, published: Registry, references: Sequence[tuple[str, str]]) -> Registry:
    """A registry that lists versions without files: aliases do not open them."""
    for name, version in references:
        (folder / name / version).mkdir(parents=True)
    return Registry(folder, fingerprint_of)


V1, V2, V3 = (f"2026010{k}T000000000000-0000000{k}" for k in (1, 2, 3))


@pytest.fixture
def listed(tmp_path: Path, published: Registry) -> Registry:
    return with_versions(tmp_path, published, [("news", V1), ("news", V2), ("news", V3), ("sport", V1)])


def test_a_name_alone_means_its_newest_version(listed: Registry) -> None:
    assert listed.resolve("news") == f"news@{V3}"
    assert listed.resolve(f"news@{V1}") == f"news@{V1}"


def test_rolling_back_goes_further_back_and_not_to_and_fro(listed: Registry) -> None:
    for version in (V1, V2, V3):
        listed.set_alias("champion", f"news@{version}", "newer")
    assert listed.resolve("champion") == f"news@{V3}"
    for version in (V2, V1):
        assert listed.previous("champion", "news") == f"news@{version}"
        listed.set_alias("champion", f"news@{version}", "rolled back")
    with pytest.raises(NotFound, match="no earlier version of model 'news'"):
        listed.previous("champion", "news")
    assert [(c.reference, c.previous, c.reason) for c in listed.history("champion")][-1] == (
        f"news@{V1}",
        f"news@{V2}",
        "rolled back",
    )
    listed.set_alias("champion", f"news@{V3}", "once more")
    assert listed.previous("champion", "news") == f"news@{V1}"


def test_rolling_back_an_alias_and_rolling_back_a_model_differ(listed: Registry) -> None:
    for reference in (f"news@{V1}", f"sport@{V1}", f"news@{V2}"):
        listed.set_alias("champion", reference, "a change")
    assert listed.previous("champion", "news") == f"news@{V1}"
    assert listed.previous("champion", "champion") == f"sport@{V1}"


def test_setting_an_alias_to_what_it_is_leaves_no_trace(listed: Registry) -> None:
    listed.set_alias("champion", "news", "first")
    listed.set_alias("champion", "news", "again")
    assert [c.reason for c in listed.history("champion")] == ["first"]


def test_an_alias_cannot_mean_what_does_not_exist_nor_hide_a_model(listed: Registry) -> None:
    with pytest.raises(NotFound):
        listed.set_alias("champion", "news@20270101T000000000000-00000000", "a typo")
    with pytest.raises(InvalidInput, match="the name of a model"):
        listed.set_alias("sport", "news", "confusing")
    assert listed.resolve_alias("champion") == ""
    listed.set_alias("champion", "news", "fine")
    with pytest.raises(Conflict, match="is an alias"):
        listed.check_new("champion")
    with pytest.raises(Conflict, match="needs no training"):
        listed.check_new("prior")


def test_aliases_set_at_once_are_all_kept(listed: Registry) -> None:
    def set_many(number: int) -> None:
        for k in range(10):
            Registry(listed.folder, fingerprint_of).set_alias(f"a{number}", f"news@{(V1, V2)[k % 2]}", f"change {k}")

    threads = [threading.Thread(target=set_many, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n in range(4):
        assert [c.reason for c in listed.history(f"a{n}")] == [f"change {k}" for k in range(10)]


def test_a_damaged_alias_file_is_an_error_that_says_so(listed: Registry) -> None:
    (listed.folder / "aliases.json").write_text('{"current": ')
    with pytest.raises(RegistryError, match=r"aliases\.json"):
        listed.resolve("champion")
