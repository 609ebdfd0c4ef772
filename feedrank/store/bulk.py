"""Many rows by few steps of SQLite: the driver gives the interpreter's lock away at each, and waits to get it back.

A batch that steps once a row stands in line for the lock a thousand times while other threads decode and fold. Knows
nothing of tables.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

_MOST_ROWS = 64  # of one statement: far below SQLite's bound on parameters, and few shapes to keep prepared


def insert(conn: sqlite3.Connection, into: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Writes rows in order. `into` is the statement up to VALUES."""
    done, size = 0, _MOST_ROWS
    while done < len(rows):
        while size > len(rows) - done:
            size //= 2
        places = ", ".join(["(" + ", ".join("?" * len(rows[0])) + ")"] * size)
        conn.execute(f"{into} VALUES {places}", tuple(chain.from_iterable(rows[done : done + size])))
        done += size


def select(
    conn: sqlite3.Connection, columns: str, rest: str, values: Iterable[int | str], *more: Any
) -> list[list[Any]]:
    """All rows of a query over a set of values, the first parameter of `rest`, as lists. Columns must not be blobs."""
    sql = f"SELECT json_group_array(json_array({columns})) {rest}"
    wanted = json.dumps(list(values), ensure_ascii=False)
    found: tuple[str] = conn.execute(sql, (wanted, *more)).fetchone()
    rows: list[list[Any]] = json.loads(found[0])
    return rows
