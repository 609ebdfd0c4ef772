"""From raw columns to typed fields: text, times, numbers, lists, actions.

Each `take_*` adds the typed column `field` to a sieve, made from its column `column`, and refuses the rows that do
not fit, with the field's name and the value. Ranges and lengths are not judged here: the store validates every
record. Knows nothing of files.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import polars as pl

from feedrank.errors import InvalidInput
from feedrank.importers.rejections import Sieve
from feedrank.types import Action, Micros

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ONE_MICRO = timedelta(microseconds=1)
LIST_SEPARATOR = ";"
MAX_ABS_MICROS = (
    253_402_300_800_000_000  # the year 10000: no timestamp of the contract reaches it, and products stay in int64
)

_TYPED = "__typed__"


class TimeUnit(StrEnum):
    """How numbers in a time column are meant. Text that is no number is ISO 8601 under every unit."""

    S = "s"
    MS = "ms"
    US = "us"
    ISO = "iso"


MICROS_PER = {TimeUnit.S: 1_000_000, TimeUnit.MS: 1_000, TimeUnit.US: 1}


def take_text(sieve: Sieve, column: str, field: str) -> None:
    """Text; numbers in their shortest spelling (7.0 becomes "7": a column of ids with gaps often is floating point)."""
    dtype = sieve.frame.schema[column]
    raw = pl.col(column)
    if dtype.is_float():
        sieve.drop(~raw.is_finite(), field, "is not a finite number", column)
        whole = raw.cast(pl.Int64, strict=False)
        typed = pl.when(whole == raw).then(whole.cast(pl.String)).otherwise(raw.cast(pl.String))
    elif dtype == pl.Binary:
        decoded = pl.Series([_utf8(value) for value in sieve.frame[column].to_list()], dtype=pl.String)
        _put(sieve, column, field, decoded, "is not valid UTF-8")
        typed = pl.col(field)
    elif dtype in (pl.String, pl.Boolean, pl.Categorical, pl.Enum, pl.Null) or dtype.is_integer():
        typed = raw.cast(pl.String)
    else:
        raise InvalidInput(f"{sieve.path}: {field} cannot be made from a column of {dtype}; text or numbers expected")
    sieve.frame = sieve.frame.with_columns(typed.fill_null("").alias(field))


def take_time(sieve: Sieve, column: str, field: str, unit: TimeUnit | None) -> None:
    """UTC microseconds as Int64, null where the column is null. Times without a zone are UTC.

    Raises InvalidInput for a column of numbers whose unit is not given.
    """
    raw = sieve.frame[column]
    dtype = raw.dtype
    if isinstance(dtype, pl.Datetime) or dtype == pl.Date:
        if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
            raw = raw.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        typed = raw.cast(pl.Datetime("us")).cast(pl.Int64)
    elif dtype.is_numeric():
        if unit is None or unit is TimeUnit.ISO:
            raise InvalidInput(f"{sieve.path}: {field} is a column of numbers; give --time-unit s, ms or us")
        typed = _micros_of_numbers(raw, unit)
    elif dtype == pl.String or dtype == pl.Null:
        typed = _micros_of_text(raw.cast(pl.String), unit)
    else:
        expected = "times, numbers or text expected"
        raise InvalidInput(f"{sieve.path}: {field} cannot be made from a column of {dtype}; {expected}")
    number = "" if unit in (None, TimeUnit.ISO) else f", or a number in {unit}"
    _put(sieve, column, field, typed, f"is not a time (ISO 8601 expected{number})")


def take_number(sieve: Sieve, column: str, field: str) -> None:
    """A finite float64, null where the column is null."""
    number = _number(sieve, column, field)
    _put(sieve, column, field, pl.when(number.is_finite()).then(number), "is not a finite number")


def take_position(sieve: Sieve, column: str, field: str) -> None:
    """A whole number from 1 as Int64, null where the column is null."""
    number = _number(sieve, column, field)
    whole = number.cast(pl.Int64, strict=False)
    _put(sieve, column, field, pl.when(whole == number, whole >= 1).then(whole), "is not a whole number from 1")


def take_list(sieve: Sieve, column: str, field: str) -> None:
    """A list of text: a list column, JSON text of a list, or text separated by semicolons. Null gives an empty list."""
    dtype = sieve.frame.schema[column]
    if isinstance(dtype, pl.List) and (dtype.inner in (pl.String, pl.Null) or dtype.inner.is_integer()):
        sieve.drop(pl.col(column).list.contains(None), field, "holds an empty entry")
        typed = sieve.frame[column].cast(pl.List(pl.String))
    elif dtype in (pl.String, pl.Null):
        texts = sieve.frame[column].to_list()
        typed = pl.Series([None if t is None else _list_of(t) for t in texts], dtype=pl.List(pl.String))
    else:
        expected = "a list of text, or text, expected"
        raise InvalidInput(f"{sieve.path}: {field} cannot be made from a column of {dtype}; {expected}")
    _put(sieve, column, field, typed, "is not a list of text")
    empty = pl.lit([], dtype=pl.List(pl.String))
    sieve.frame = sieve.frame.with_columns(pl.col(field).fill_null(empty))


def take_action(sieve: Sieve, column: str, field: str, names: Mapping[str, Action]) -> None:
    """An Action's number as Int8, from its name (any case, with or without ACTION_), its number, or `names`."""
    text = f"{field} as text"
    take_text(sieve, column, text)
    distinct = sieve.frame[text].unique().to_list()
    numbers = [action_of(text, names) for text in distinct]
    typed = pl.col(text).replace_strict(distinct, numbers, return_dtype=pl.Int8, default=None)
    known = ", ".join(a.name for a in Action)
    _put(sieve, text, field, typed, f"is not an action ({known}; or use --map-action)")
    sieve.frame = sieve.frame.drop(text)


def action_of(text: str, names: Mapping[str, Action] | None = None) -> Action | None:
    """The action a text means, or None. `names` is asked first, with the text as it stands."""
    if names and text in names:
        return names[text]
    name = text.strip().upper().removeprefix("ACTION_")
    if name.isascii() and name.isdigit():
        return Action(int(name)) if int(name) in set(Action) else None
    return Action[name] if name in Action.__members__ else None


def iso_micros(text: str) -> Micros | None:
    """UTC microseconds of an ISO 8601 text, or None. Without a zone it is UTC."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return (at - EPOCH) // ONE_MICRO


def _micros_of_numbers(raw: pl.Series, unit: TimeUnit) -> pl.Series:
    """Null where the number is not finite or no instant before the year 10000."""
    factor = MICROS_PER[unit]
    limit = MAX_ABS_MICROS // factor
    x = pl.col("x")
    if raw.dtype.is_integer():
        micros = x.cast(pl.Int64, strict=False) * factor
    else:
        micros = (x.cast(pl.Float64) * factor).round().cast(pl.Int64, strict=False)
    return raw.alias("x").to_frame().select(pl.when(x.is_between(-limit, limit)).then(micros))["x"]


def _micros_of_text(raw: pl.Series, unit: TimeUnit | None) -> pl.Series:
    if unit is None or unit is TimeUnit.ISO:
        return pl.Series([None if t is None else iso_micros(t) for t in raw.to_list()], dtype=pl.Int64)
    trimmed = raw.str.strip_chars()
    fractions = trimmed.cast(pl.Float64, strict=False)
    iso = [None if t is None or x is not None else iso_micros(t) for t, x in zip(raw, fractions, strict=True)]
    forms = {
        "whole": _micros_of_numbers(trimmed.cast(pl.Int64, strict=False), unit),  # exact where a float is not
        "fraction": _micros_of_numbers(fractions, unit),
        "iso": pl.Series(iso, dtype=pl.Int64),
    }
    return pl.DataFrame(forms).select(pl.coalesce("whole", "fraction", "iso"))["whole"]


def _put(sieve: Sieve, column: str, field: str, typed: pl.Series | pl.Expr, reason: str) -> None:
    """Adds the typed column, in the raw one's place if named so; refuses rows where only the raw one has a value."""
    sieve.frame = sieve.frame.with_columns(typed.alias(_TYPED))
    sieve.drop(pl.col(column).is_not_null() & pl.col(_TYPED).is_null(), field, reason, column)
    sieve.frame = sieve.frame.with_columns(pl.col(_TYPED).alias(field)).drop(_TYPED)


def _number(sieve: Sieve, column: str, field: str) -> pl.Expr:
    dtype = sieve.frame.schema[column]
    if dtype == pl.String:
        return pl.col(column).str.strip_chars().cast(pl.Float64, strict=False)
    if dtype.is_numeric() or dtype == pl.Null:
        return pl.col(column).cast(pl.Float64)
    raise InvalidInput(f"{sieve.path}: {field} cannot be made from a column of {dtype}; numbers expected")


def _utf8(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _list_of(text: str) -> list[str] | None:
    if not text.lstrip().startswith("["):
        return [part for p in text.split(LIST_SEPARATOR) if (part := p.strip())]
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list) or not all(isinstance(x, str | int) and not isinstance(x, bool) for x in found):
        return None
    return [str(x) for x in found]
