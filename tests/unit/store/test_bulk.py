"""Rows written and read by few statements are those that one statement a row writes and reads."""

import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedrank.store import bulk

# What SQLite keeps of text: anything but lone surrogates; NUL is refused before it comes here.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@pytest.fixture
def conn() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE facts (n INTEGER PRIMARY KEY, name TEXT, body BLOB)")
    yield connection
    connection.close()


@pytest.mark.parametrize("count", [0, 1, 2, 63, 64, 65, 127, 200])
def test_every_row_is_written_once_and_in_order(conn: sqlite3.Connection, count: int) -> None:
    rows = [(n, f"name {n}", bytes([n % 256])) for n in range(count)]
    bulk.insert(conn, "INSERT INTO facts (n, name, body)", rows)
    assert conn.execute("SELECT n, name, body FROM facts ORDER BY n").fetchall() == rows


def test_a_row_that_does_not_fit_fails_as_by_itself(conn: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=r"UNIQUE constraint failed: facts\.n"):
        bulk.insert(conn, "INSERT INTO facts (n, name, body)", [(1, "a", b""), (1, "b", b"")])


def test_of_two_rows_for_one_key_the_later_replaces_the_earlier(conn: sqlite3.Connection) -> None:
    bulk.insert(conn, "INSERT OR REPLACE INTO facts (n, name, body)", [(1, "a", b""), (2, "x", b""), (1, "b", b"")])
    assert bulk.select(conn, "n, name", "FROM facts WHERE n IN (SELECT value FROM json_each(?)) ORDER BY n", [1]) == [
        [1, "b"]
    ]


@given(st.sets(TEXTS, max_size=20), st.sets(TEXTS, max_size=20))
def test_any_text_and_any_number_comes_back_as_it_went_in(stored: set[str], others: set[str]) -> None:
    conn = sqlite3.connect(":memory:", isolation_level=None)
    conn.execute("CREATE TABLE facts (n INTEGER PRIMARY KEY, name TEXT)")
    rows = [(2**62 - i, name) for i, name in enumerate(sorted(stored))]
    bulk.insert(conn, "INSERT INTO facts (n, name)", rows)
    rest = "FROM facts WHERE name IN (SELECT value FROM json_each(?))"
    found = bulk.select(conn, "n, name", rest, stored | others)
    assert sorted(map(tuple, found)) == sorted(rows)
    above = bulk.select(conn, "n", f"{rest} AND n > ?", stored, 2**62 - 3)
    assert {n for (n,) in above} == {n for n, _ in rows if n > 2**62 - 3}
    conn.close()
