"""The import commands as processes: real files in, a store others can open out, and clear words for what is wrong."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from feedrank.records import EventRecorded, Fact, decode
from feedrank.settings import Settings
from feedrank.store.data_settings import load_data_settings
from feedrank.store.sqlite import SqliteStore
from feedrank.types import Action, UserId

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 120  # of one command: far above what it needs, below the suite's patience


def environment() -> dict[str, str]:
    """This process's, without feedrank's own settings, with the package to be found, and with room for long lines."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FEEDRANK_")}
    return kept | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"}


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / script), *map(str, arguments)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def imported(tmp_path: Path, script: str, *arguments: object) -> dict[str, Any]:
    """The JSON summary of a command that must succeed."""
    summary = tmp_path / "summary.json"
    done = run(script, *arguments, "--data-dir", tmp_path / "data", "--json", summary)
    assert done.returncode == 0, done.stderr
    found = json.loads(summary.read_text())
    assert isinstance(found, dict)
    return found


def refused(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    flat = " ".join(done.stderr.replace("│", " ").split())
    for word in words:
        assert word in flat


def opened(tmp_path: Path) -> SqliteStore:
    return SqliteStore.open(tmp_path / "data", Settings())


def facts(store: SqliteStore) -> list[Fact]:
    return [fact for record in store.read(0, 1_000_000) if (fact := decode(record)) is not None]


@pytest.fixture
def mind(tmp_path: Path) -> list[object]:
    (tmp_path / "news.tsv").write_bytes(
        b"N1\tsports\ttennis\tA title\tAn abstract\thttps://x\t[]\t[]\n"
        b"N2\tnews\tlocal\tcut off\n"
        b"N3\tnews\tlocal\t\xff\t\t\t[]\t[]\n"
    )
    (tmp_path / "behaviors.tsv").write_text(
        "1\tU1\t11/12/2019 2:14:46 PM\tN1 N9\tN1-0 N2-1\n"
        "2\tU1\t12.11.2019\t\tN1-1\n"
        "3\tU2\t11/12/2019 2:15:00 PM\t\tN1-1 N2-0\n"
    )  # fmt: skip
    return ["--news", tmp_path / "news.tsv", "--behaviors", tmp_path / "behaviors.tsv"]


def test_mind(tmp_path: Path, mind: list[object]) -> None:
    first = imported(tmp_path, "import_mind.py", *mind)
    assert first["items"] == {"read": 1, "accepted": 1, "duplicates": 0, "rejected": 0}
    assert first["events"] == {"read": 6, "accepted": 6, "duplicates": 0, "rejected": 0}
    assert (first["rows"], first["rows_rejected"], first["unlisted_items"]) == (6, 3, 2)
    reasons = {(g["field"], g["reason"]): [(e["file"], e["line"]) for e in g["examples"]] for g in first["rejected"]}
    assert reasons == {
        ("line", "has 4 columns, 8 expected"): [("news.tsv", 2)],
        ("line", "is not valid UTF-8"): [("news.tsv", 3)],
        ("time", "is not a time like 11/12/2019 2:14:46 PM"): [("behaviors.tsv", 2)],
    }
    store = opened(tmp_path)
    try:
        position = store.position()
        assert load_data_settings(store).serve_unlisted_items
        clicks = [f for f in facts(store) if isinstance(f, EventRecorded) and f.action is Action.CLICK]
        assert [(f.event.item_id, f.answers_view) for f in clicks] == [
            ("N1", False), ("N9", False), ("N2", True), ("N1", True),
        ]  # fmt: skip
        assert len(store.user_history(UserId("U1")).records) == 4
    finally:
        store.close()
    again = imported(tmp_path, "import_mind.py", *mind)
    assert again["events"] == {"read": 6, "accepted": 0, "duplicates": 6, "rejected": 0}
    store = opened(tmp_path)
    try:
        assert store.position() == position
    finally:
        store.close()


def test_the_summary_is_for_people_too(tmp_path: Path, mind: list[object]) -> None:
    done = run("import_mind.py", *mind, "--data-dir", tmp_path / "data")
    assert done.returncode == 0
    assert "1 x time is not a time like 11/12/2019 2:14:46 PM (behaviors.tsv:2 '12.11.2019')" in done.stdout
    assert "2 items named by events have no item record; they are served" in done.stdout
    assert "U1" not in done.stdout + done.stderr


def test_ebnerd(tmp_path: Path) -> None:
    start = pl.datetime(2023, 5, 18, 7, time_unit="us")
    pl.select(
        impression_id=pl.lit(5), article_id=pl.lit(None, pl.Float64), impression_time=start, read_time=pl.lit(20.0),
        article_ids_inview=pl.lit([11, 12]), article_ids_clicked=pl.lit([12]), user_id=pl.lit(1),
        is_subscriber=pl.lit(True), session_id=pl.lit(3), next_read_time=pl.lit(30.0),
    ).write_parquet(tmp_path / "b.parquet")  # fmt: skip
    for name in ("h1.parquet", "h2.parquet"):
        pl.select(
            user_id=pl.lit(1),
            impression_time_fixed=pl.concat_list(start - pl.duration(days=1), start + pl.duration(seconds=21)),
            article_id_fixed=pl.lit([11, 12]),
            read_time_fixed=pl.lit([9.0, 30.0]),
        ).write_parquet(tmp_path / name)
    files = [
        "--behaviors",
        tmp_path / "b.parquet",
        "--history",
        tmp_path / "h1.parquet",
        "--history",
        tmp_path / "h2.parquet",
    ]
    found = imported(tmp_path, "import_ebnerd.py", *files)
    assert found["events"] == {"read": 8, "accepted": 5, "duplicates": 3, "rejected": 0}
    assert found["notes"]["history_rows_that_are_clicks_of_impressions"] == 1
    store = opened(tmp_path)
    try:
        actions = [f.action for f in facts(store) if isinstance(f, EventRecorded)]
        user = store.account(UserId("1")).user
    finally:
        store.close()
    assert actions == [Action.CLICK, Action.DWELL, Action.VIEW, Action.CLICK, Action.DWELL]
    assert user is not None and user.attributes == {"subscriber": "true"}
    assert imported(tmp_path, "import_ebnerd.py", *files)["events"]["accepted"] == 0


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_events_of_any_format(tmp_path: Path, suffix: str) -> None:
    frame = pl.DataFrame({"user": [1, 1, 2], "article": [31, 32, 31], "ts": [1_700_000_000_000 + i for i in range(3)]})
    path = tmp_path / f"clicks.{suffix}"
    if suffix == "csv":
        frame.write_csv(path)
    elif suffix == "jsonl":
        frame.write_ndjson(path)
    else:
        frame.write_parquet(path)
    flags = ["--map", "user_id=user", "--map", "item_id=article", "--map", "time=ts", "--set", "action=CLICK"]
    found = imported(tmp_path, "import_events.py", "--events", path, *flags, "--time-unit", "ms")
    assert found["events"] == {"read": 3, "accepted": 3, "duplicates": 0, "rejected": 0}
    assert found["unlisted_items"] == 2 and found["serve_unlisted_items"] is True


def test_events_with_an_item_file_do_not_serve_what_it_leaves_out(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,title\na,A\n")
    (tmp_path / "events.csv").write_text(
        "user_id,time,action,item_id\nu,2023-11-14T22:13:20Z,pv,a\nu,2023-11-14T22:13:20Z,pv,b\n"
    )
    files = ["--items", tmp_path / "items.csv", "--events", tmp_path / "events.csv", "--map-action", "pv=VIEW"]
    found = imported(tmp_path, "import_events.py", *files)
    assert found["items"]["accepted"] == 1 and found["events"]["accepted"] == 2
    assert found["unlisted_items"] == 1 and found["serve_unlisted_items"] is False
    assert imported(tmp_path, "import_events.py", *files, "--serve-unlisted")["serve_unlisted_items"] is True


@pytest.mark.parametrize("script", ["import_mind.py", "import_ebnerd.py", "import_events.py"])
def test_help(script: str) -> None:
    done = run(script, "--help")
    assert done.returncode == 0 and "--data-dir" in done.stdout and "--json" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["import_mind.py", "--news", "nowhere.tsv", "--behaviors", "{events}"], ["nowhere.tsv", "does not exist"]),
        (["import_mind.py", "--news", "{events}"], ["Missing option", "--behaviors"]),
        (["import_ebnerd.py", "--behaviors", "{events}"], ["events.csv", "cannot be read as Parquet"]),
        (["import_events.py", "--events", "{events}", "--colour", "red"], ["No such option", "--colour"]),
        (["import_events.py", "--events", "{events}", "--time-unit", "weeks"], ["--time-unit", "'weeks'"]),
        (["import_events.py", "--events", "{events}", "--map", "usr=u"], ["--map usr: no such field"]),
        (["import_events.py", "--events", "{events}", "--map", "user_id=u"],
         ["events.csv: --map user_id=u: no such column"]),
        (["import_events.py", "--events", "{events}", "--json", "nowhere/s.json"], ["there is no folder nowhere"]),
        (["import_events.py", "--events", "{events}", "--data-dir", "{events}"], ["--data-dir", "is a file"]),
    ],
)  # fmt: skip
def test_wrong_flags_and_files_are_told_in_words(tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    events = tmp_path / "events.csv"
    events.write_text("user_id,time,action,item_id\nu,2023-11-14T22:13:20Z,CLICK,a\n")
    script, *rest = (argument.format(events=events) for argument in arguments)
    where = [] if "--data-dir" in rest else ["--data-dir", tmp_path / "data"]
    refused(run(script, *rest, *where), 2, *words)
    assert not (tmp_path / "data").exists()


def test_an_import_that_was_killed_is_completed_by_a_second_one(tmp_path: Path) -> None:
    count = 60_000
    path = tmp_path / "events.parquet"
    pl.select(
        user_id=pl.int_range(count) % 997, time=1_700_000_000 + pl.int_range(count), item_id=pl.int_range(count) % 61
    ).write_parquet(path)
    flags = ["--events", path, "--set", "action=CLICK", "--time-unit", "s"]
    script = [sys.executable, str(ROOT / "scripts/import_events.py")]
    command = [*script, *map(str, flags), "--data-dir", str(tmp_path / "data")]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        deadline = time.monotonic() + TIMEOUT_S
        while first.poll() is None and time.monotonic() < deadline and not some_landed(tmp_path / "data"):
            time.sleep(0.01)
        first.kill()
    before = landed(tmp_path)
    assert 0 < before <= count
    found = imported(tmp_path, "import_events.py", *flags)
    assert found["events"] == {"read": count, "accepted": count - before, "duplicates": before, "rejected": 0}
    assert landed(tmp_path) == count


def some_landed(data_dir: Path) -> bool:
    """Whether a first batch of events has been written, by the size of the files: opening the store would make it."""
    return any(file.stat().st_size > 500_000 for file in data_dir.glob("*") if file.is_file())


def landed(tmp_path: Path) -> int:
    store = opened(tmp_path)
    try:
        return sum(isinstance(fact, EventRecorded) for fact in facts(store))
    finally:
        store.close()


def test_nothing_landed_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("user_id,time,action,item_id\nu,never,CLICK,a\n")
    done = run("import_events.py", "--events", tmp_path / "events.csv", "--data-dir", tmp_path / "data")
    refused(done, 1, "error: nothing was imported")
    assert "1 x time is not a time (ISO 8601 expected) (events.csv:2 'never')" in done.stdout


def test_a_store_of_another_program_is_told_in_words(tmp_path: Path, mind: list[object]) -> None:
    imported(tmp_path, "import_mind.py", *mind)
    for file in (tmp_path / "data").iterdir():
        file.write_bytes(b"not a store" * 1_000)
    refused(run("import_mind.py", *mind, "--data-dir", tmp_path / "data"), 1, "error: ")


def test_real_mind_files_cut_short(tmp_path: Path, data_dir_of: Callable[[str], Path]) -> None:
    for name, rows in (("nemig_en", 300), ("mind_small_5k", 60)):
        folder, here = data_dir_of(name), tmp_path / name
        here.mkdir()
        for file, most in (("news.tsv", 20_000), ("behaviors.tsv", rows)):
            with (folder / file).open(encoding="utf-8") as whole:
                (here / file).write_text("".join(islice(whole, most)), encoding="utf-8")
        extra = ["--extra", folder / "news_extra.tsv"] if name == "nemig_en" else []
        found = imported(
            here, "import_mind.py", "--news", here / "news.tsv", "--behaviors", here / "behaviors.tsv", *extra
        )
        assert found["rows_rejected"] == 0 and found["notes"]["impressions"] == rows
        assert found["items"]["accepted"] == (10_814 if name == "nemig_en" else 2_000)
        assert found["events"]["rejected"] == 0 and found["events"]["accepted"] > rows


def test_real_ebnerd_files_cut_short(tmp_path: Path, data_dir_of: Callable[[str], Path]) -> None:
    folder = data_dir_of("ebnerd_demo")
    for split in ("train", "validation"):
        behaviors = pl.read_parquet(folder / split / "behaviors.parquet").filter(pl.col("user_id") % 50 == 0)
        history = pl.read_parquet(folder / split / "history.parquet").filter(pl.col("user_id") % 50 == 0)
        behaviors.write_parquet(tmp_path / f"{split}.behaviors.parquet")
        history.write_parquet(tmp_path / f"{split}.history.parquet")
    files = [
        part
        for split in ("train", "validation")
        for kind in ("behaviors", "history")
        for part in (f"--{kind}", tmp_path / f"{split}.{kind}.parquet")
    ]
    found = imported(tmp_path, "import_ebnerd.py", *files)
    assert found["rows_rejected"] == 0 and found["events"]["rejected"] == 0
    assert found["notes"]["history_rows_repeated_in_the_history"] > 0
    assert found["notes"]["history_rows_that_are_clicks_of_impressions"] > 0


def test_real_globo_clicks_cut_short(tmp_path: Path, data_dir_of: Callable[[str], Path]) -> None:
    pl.read_parquet(data_dir_of("globo") / "clicks.parquet").head(20_000).write_parquet(tmp_path / "clicks.parquet")
    maps = ["user_id=user_id", "item_id=click_article_id", "time=click_timestamp", "session_id=session_id"]
    flags = [part for text in maps for part in ("--map", text)]
    found = imported(
        tmp_path, "import_events.py", "--events", tmp_path / "clicks.parquet", *flags,
        "--set", "action=CLICK", "--time-unit", "ms",
    )  # fmt: skip
    assert found["events"] == {"read": 20_000, "accepted": 20_000, "duplicates": 0, "rejected": 0}
