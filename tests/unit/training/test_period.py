"""What training and evaluation read of a log: the right stretch and space, and clear words for what is missing."""

from pathlib import Path

import numpy as np
import pytest

from feedrank.errors import InvalidInput
from feedrank.features import NAMES
from feedrank.records import EventRecorded
from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.training.facts import read_facts
from feedrank.training.feature_choice import UNSTEADY, check_names, read_names, steady, varying
from feedrank.training.period import choose_space, read_period
from feedrank.training.times import format_time, parse_time
from feedrank.types import HOUR, Action, Event, UserId
from tests.news_stream import T0
from tests.strategies import FactLog, unit_vector


def test_a_period_holds_its_impressions_and_the_log_before_and_after_them(news_store: SqliteStore) -> None:
    start, until = T0 + 10 * HOUR, T0 + 20 * HOUR
    period = read_period(news_store, start, until)
    times = [e.impression.time for e in period.examples]
    assert start <= min(times) and max(times) < until
    assert len(times) == 125
    assert period.space == ""
    assert len(period.facts) == news_store.position()


def test_a_blind_period_knows_no_event_of_its_end_or_later(news_store: SqliteStore) -> None:
    """A click that comes after the end is not known, so its impression counts as unclicked."""
    until = read_period(news_store).examples[200].impression.time + 1
    seeing, blind = (read_period(news_store, until=until, blind=b) for b in (False, True))
    assert len(blind.examples) == len(seeing.examples) == 201
    assert all(f.received_at < until for f in blind.facts if isinstance(f, EventRecorded))
    assert sum(len(f.event.item_ids) == 0 for f in blind.facts if isinstance(f, EventRecorded)) > 0
    assert seeing.examples[-1].labels.sum() == 1
    assert blind.examples[-1].labels.sum() == 0


def test_reading_tells_its_progress(news_store: SqliteStore) -> None:
    told: list[int] = []
    assert len(read_facts(news_store, progress=told.append)) == sum(told) == news_store.position()


def test_the_space_with_most_vectors_is_taken_unless_one_is_named() -> None:
    log = FactLog()
    for k, space in enumerate(("small", "large", "large")):
        log.vector(f"i{k}", unit_vector(k), T0, space)
    assert choose_space(log.facts, "auto") == "large"
    assert choose_space(log.facts, "small") == "small"
    assert choose_space(log.facts, "") == ""
    assert choose_space([], "auto") == ""
    with pytest.raises(InvalidInput, match=r"'other'.*known spaces: large, small"):
        choose_space(log.facts, "other")


def test_what_is_missing_is_said(news_store: SqliteStore, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="1200 imported ones are from 2023-05-18T00:00:00 to 2023-05-21T23"):
        read_period(news_store, T0 + 1000 * HOUR)
    with pytest.raises(InvalidInput, match="is empty: swap"):
        read_period(news_store, T0 + HOUR, T0)
    store = SqliteStore.open(tmp_path, Settings())
    try:
        with pytest.raises(InvalidInput, match="holds no events"):
            read_period(store)
        store.append_events([Event("e", UserId("u"), T0, Action.CLICK, "a")], None)
        with pytest.raises(InvalidInput, match="holds no impressions"):
            read_period(store)
    finally:
        store.close()


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1970-01-01", 0),
        ("2023-05-25T07:00:00", 1_684_998_000_000_000),
        ("2023-05-25 07:00:00Z", 1_684_998_000_000_000),
        ("2023-05-25T09:00:00+02:00", 1_684_998_000_000_000),
        ("2023-05-25T07:00:00.000001", 1_684_998_000_000_001),
    ],
)
def test_times_are_utc_unless_they_say_otherwise(text: str, micros: int) -> None:
    assert parse_time(text) == micros
    assert parse_time(format_time(micros)) == micros // 1_000_000 * 1_000_000


@pytest.mark.parametrize("text", ["", "yesterday", "2023-13-01", "1684998000"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a time"):
        parse_time(text)


def test_steady_features_are_all_but_the_unsteady() -> None:
    assert set(NAMES) >= UNSTEADY, "a name that no longer exists protects nothing"
    assert set(steady()) == set(NAMES) - UNSTEADY
    assert [n for n in NAMES if n in steady()] == list(steady())


def test_a_feature_list_is_read_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "features.txt"
    path.write_text("# chosen by hand\nctr_6h\n\n age_hours # newest first\n")
    assert check_names(read_names(path)) == ("ctr_6h", "age_hours")
    with pytest.raises(InvalidInput, match="no feature is named 'ctr_7h'"):
        check_names(("ctr_7h",))
    with pytest.raises(InvalidInput, match="named twice"):
        check_names(("ctr_6h", "ctr_6h"))
    for bad in (b"# nothing\n", b"\xff\xfe\x00"):
        path.write_bytes(bad)
        with pytest.raises(InvalidInput, match=r"features\.txt"):
            read_names(path)


def test_columns_no_tree_can_split_are_left_out() -> None:
    nan = np.nan
    rows = np.array([[1, nan, 1, nan, 0], [1, nan, nan, 2, 1], [1, nan, 1, 2, 2]], np.float32)
    assert varying(("same", "absent", "sometimes", "late", "varies"), rows) == ("sometimes", "late", "varies")
