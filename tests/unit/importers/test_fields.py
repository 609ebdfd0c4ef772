"""Typing raw columns: what each kind takes, and what it refuses."""

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedrank.errors import InvalidInput
from feedrank.importers.fields import (
    TimeUnit,
    action_of,
    iso_micros,
    take_action,
    take_list,
    take_number,
    take_position,
    take_text,
    take_time,
)
from feedrank.importers.rejections import LINE, Rejections, Sieve
from feedrank.types import Action

NOON = 1_700_000_000_000_000  # 2023-11-14T22:13:20Z


def sieve(values: list[Any], dtype: Any = None) -> Sieve:
    frame = pl.DataFrame({"raw": pl.Series(values, dtype=dtype, strict=dtype is None)})
    return Sieve(Path("f"), frame.with_row_index(LINE, 1).with_columns(pl.col(LINE).cast(pl.Int64)), Rejections())


def kept(s: Sieve) -> list[Any]:
    return s.frame["out"].to_list()


def refused(s: Sieve) -> list[int]:
    return [e.line for g in s.rejections.groups() for e in g.examples]


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        (["a", None, ""], pl.String, ["a", "", ""]),
        ([7, 2**40], pl.Int64, ["7", str(2**40)]),
        ([7.0, 7.5, None], pl.Float64, ["7", "7.5", ""]),
        ([True, False], pl.Boolean, ["true", "false"]),
        ([None], pl.Null, [""]),
        (["x", "y"], pl.Categorical, ["x", "y"]),
    ],
)
def test_text(values: list[Any], dtype: Any, expected: list[str]) -> None:
    s = sieve(values, dtype)
    take_text(s, "raw", "out")
    assert kept(s) == expected


def test_text_refuses_nan_and_broken_utf8() -> None:
    s = sieve([1.0, float("nan"), float("inf")])
    take_text(s, "raw", "out")
    assert (kept(s), refused(s)) == (["1"], [2, 3])
    s = sieve([b"ok", b"\xff"])
    take_text(s, "raw", "out")
    assert (kept(s), refused(s)) == (["ok"], [2])


@given(st.datetimes(timezones=st.none() | st.builds(lambda m: timezone(timedelta(minutes=m)), st.integers(-840, 840))))
def test_iso_times_are_utc_unless_they_say_otherwise(at: datetime) -> None:
    micros = iso_micros(at.isoformat())
    assert micros is not None
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    assert micros == (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("values", "dtype", "unit"),
    [
        (["2023-11-14T22:13:20Z", " 2023-11-14 23:13:20+01:00", "2023-11-14T22:13:20"], pl.String, None),
        (["1700000000", " 1.7e9 ", "2023-11-14T22:13:20Z"], pl.String, TimeUnit.S),
        ([1_700_000_000], pl.Int64, TimeUnit.S),
        ([1_700_000_000_000], pl.UInt64, TimeUnit.MS),
        ([NOON], pl.Int64, TimeUnit.US),
        ([1_700_000_000.0], pl.Float64, TimeUnit.S),
        ([datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC).replace(tzinfo=None)], pl.Datetime("ms"), None),
        ([datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)], pl.Datetime("ns", "Europe/Copenhagen"), None),
    ],
)
def test_times(values: list[Any], dtype: Any, unit: TimeUnit | None) -> None:
    s = sieve(values, dtype)
    take_time(s, "raw", "out", unit)
    assert kept(s) == [NOON] * len(values)


def test_a_day_is_its_midnight() -> None:
    s = sieve([date(1970, 1, 2)])
    take_time(s, "raw", "out", None)
    assert kept(s) == [86_400_000_000]


def test_microsecond_text_is_exact() -> None:
    s = sieve(["1700000000123457"])
    take_time(s, "raw", "out", TimeUnit.US)
    assert kept(s) == [1_700_000_000_123_457]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (["yesterday", "nan", "inf", "1e400", "9" * 30], pl.String),
        ([float("nan"), float("inf"), 1e300], pl.Float64),
        ([2**63 - 1, -(2**63)], pl.Int64),
    ],
)
def test_what_is_no_time_is_refused_and_an_absent_one_stays_absent(values: list[Any], dtype: Any) -> None:
    s = sieve([*values, None], dtype)
    take_time(s, "raw", "out", TimeUnit.S)
    assert kept(s) == [None]
    assert s.rejections.count == len(values)


def test_numbers_for_times_need_a_unit() -> None:
    with pytest.raises(InvalidInput, match="f: out is a column of numbers; give --time-unit"):
        take_time(sieve([1_700_000_000]), "raw", "out", None)


def test_numbers() -> None:
    s = sieve([" 1.5", "x", "nan", "inf", None, "-2"])
    take_number(s, "raw", "out")
    assert (kept(s), refused(s)) == ([1.5, None, -2.0], [2, 3, 4])


def test_positions() -> None:
    s = sieve(["1", "2.0", "0", "1.5", "x", "1e30", None])
    take_position(s, "raw", "out")
    assert kept(s) == [1, 2, None]
    assert s.rejections.groups()[0].count == 4


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        (["a; b;;c", '["x;y", 3]', None, ""], pl.String, [["a", "b", "c"], ["x;y", "3"], [], []]),
        ([[1, 2], [], None], pl.List(pl.Int32), [["1", "2"], [], []]),
        ([["a"], ["b", "c"]], pl.List(pl.String), [["a"], ["b", "c"]]),
    ],
)
def test_lists(values: list[Any], dtype: Any, expected: list[list[str]]) -> None:
    s = sieve(values, dtype)
    take_list(s, "raw", "out")
    assert kept(s) == expected


def test_lists_refuse_what_is_no_list_of_text() -> None:
    s = sieve(["[1, 2", '[{"a": 1}]', "[true]", "[null]"])
    take_list(s, "raw", "out")
    assert s.rejections.groups()[0].count == 4
    s = sieve([["a", None], ["b"]])
    take_list(s, "raw", "out")
    assert (kept(s), refused(s)) == ([["b"]], [1])


def test_actions() -> None:
    s = sieve(["CLICK", "action_view", " like ", "3", "pv", "0", "14", "", "²"])
    take_action(s, "raw", "out", {"pv": Action.VIEW})
    assert kept(s) == [Action.CLICK, Action.VIEW, Action.LIKE, Action.DWELL, Action.VIEW]
    assert s.rejections.groups()[0].count == 4


def test_every_action_is_known_by_name_and_number() -> None:
    for action in Action:
        assert (
            action_of(action.name.lower())
            is action_of(f"ACTION_{action.name}")
            is action_of(str(int(action)))
            is action
        )


@pytest.mark.parametrize("take", [take_text, take_number, take_position, take_list])
def test_a_column_of_the_wrong_kind_fails_the_file(take: Any) -> None:
    s = sieve([{"a": 1}])
    with pytest.raises(InvalidInput, match="f: out cannot be made from a column of Struct"):
        take(s, "raw", "out")


def test_no_rows_keep_their_types() -> None:
    for take in (take_text, take_number, take_position, take_list):
        s = sieve([], pl.String)
        take(s, "raw", "out")
        assert kept(s) == []
    s = sieve([], pl.String)
    take_action(s, "raw", "out", {})
    take_time(s, "raw", "at", None)
    assert s.frame.schema["out"] == pl.Int8 and s.frame.schema["at"] == pl.Int64
