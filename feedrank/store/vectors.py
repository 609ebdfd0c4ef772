"""Vectors landing in the log, and found again by space, by item and by content.

A space has one number of dimensions, fixed by its first vector. Knows nothing of encoders, of indexes or of stories.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from feedrank.errors import InvalidInput
from feedrank.limits import MAX_ID_BYTES, shown, text_fault, vector_fault
from feedrank.records import Kind, pack_vector, unpack_vector
from feedrank.store.log_table import LogAppender
from feedrank.store.protocol import NewVector, StoredVectors
from feedrank.types import F32, Micros, Row
from feedrank.v1 import log_pb2 as log

_UNIT_TOLERANCE = 0.01  # of a vector's length: coarser than float16 rounding, finer than a forgotten normalisation


class Landing:
    """Adds vectors of one batch to the log and to the index by item. Lives within one write transaction."""

    def __init__(self, conn: sqlite3.Connection, appender: LogAppender) -> None:
        self._conn = conn
        self._appender = appender
        self._latest: dict[tuple[int, Row], tuple[bytes, bytes]] = {}  # (space, row) -> content hash, values

    def fault(self, vectors: Mapping[str, F32]) -> str | None:
        """Why these vectors do not fit their spaces, or None."""
        for space, values in vectors.items():
            found = _space(self._conn, space)
            if found is not None and found[1] != len(values):
                return f"vectors[{shown(space)}] has {len(values)} dimensions; the space has {found[1]}"
        return None

    def land_own(self, space: str, row: Row, item_id: str, content_hash: bytes, values: F32, time: Micros) -> None:
        """Lands a caller's own vector, which may change while the text does not. Its story is the item's own."""
        n = self._open(space, len(values))
        packed = pack_vector(values)
        if self._in_force(n, row) != (content_hash, packed):
            self._add(n, space, NewVector(row, item_id, content_hash, values, row), packed, time)

    def land(self, space: str, vector: NewVector, time: Micros, derived: bool) -> bool:
        """Lands an encoder's vector; False if the one in force was made from the same text."""
        n = self._open(space, len(vector.values))
        found = self._in_force(n, vector.row)
        if found is not None and found[0] == vector.content_hash:
            return False
        self._add(n, space, vector, pack_vector(vector.values), time, derived)
        return True

    def _open(self, space: str, dimensions: int) -> int:
        found = _space(self._conn, space)
        if found is not None:
            return found[0]
        sql = "INSERT INTO spaces (name, dimensions) VALUES (?, ?) RETURNING n"
        made: tuple[int] = self._conn.execute(sql, (space, dimensions)).fetchone()
        return made[0]

    def _in_force(self, space: int, row: Row) -> tuple[bytes, bytes] | None:
        """Content hash and values of the vector that landed last for this row."""
        found = self._latest.get((space, row))
        if found is not None:
            return found
        sql = (
            "SELECT log.payload FROM item_vectors AS v JOIN log ON log.offset = v.offset "
            "WHERE v.space = ? AND v.row = ? ORDER BY v.offset DESC LIMIT 1"
        )
        stored = self._conn.execute(sql, (space, row)).fetchone()
        if stored is None:
            return None
        landed = log.VectorLanded.FromString(stored[0])
        return landed.content_hash, landed.values

    def _add(self, n: int, space: str, vector: NewVector, packed: bytes, time: Micros, derived: bool = False) -> None:
        payload = log.VectorLanded(
            space=space,
            row=vector.row,
            content_hash=vector.content_hash,
            values=packed,
            story_row=vector.story_row,
            item_id=vector.item_id,
        )
        offset = self._appender.add(Kind.VECTOR_LANDED, time, payload.SerializeToString(), derived=derived)
        sql = "INSERT INTO item_vectors (space, offset, row, content_hash) VALUES (?, ?, ?, ?)"
        self._conn.execute(sql, (n, offset, vector.row, vector.content_hash))
        self._latest[n, vector.row] = (vector.content_hash, packed)


def land(conn: sqlite3.Connection, space: str, vectors: Sequence[NewVector], received_at: Micros) -> int:
    """Lands an encoder's vectors within the caller's transaction; returns how many were new.

    A vector of an imported item lands as an import, at the item's own time.

    Raises InvalidInput for a vector that is not finite, that does not fit the space, or whose row is not its item's.
    """
    appender = LogAppender(conn, received_at)
    landing = Landing(conn, appender)
    landed = 0
    for vector, derived, item_time in _checked(conn, landing, space, vectors):
        # An imported item's vector would have landed when the item came, had the service run then: replay sees it so.
        landed += landing.land(space, vector, item_time if derived else appender.received_at(0), derived)
    appender.flush()
    return landed


def land_learned(conn: sqlite3.Connection, space: str, vectors: Sequence[NewVector], fitted_at: Micros) -> int:
    """Lands vectors learned from the log as it stood strictly before `fitted_at`; returns how many were new.

    They land as imports of that instant, so that replay shows them to what came after it and to nothing before.

    Raises InvalidInput as `land` does.
    """
    appender = LogAppender(conn, None)
    landing = Landing(conn, appender)
    landed = 0
    for vector, _, _ in _checked(conn, landing, space, vectors):
        landed += landing.land(space, vector, fitted_at, derived=True)
    appender.flush()
    return landed


def _checked(
    conn: sqlite3.Connection, landing: Landing, space: str, vectors: Sequence[NewVector]
) -> Iterator[tuple[NewVector, bool, Micros]]:
    """Each vector once it is found fit, with whether its item was imported, and when."""
    fault = text_fault("space", space, MAX_ID_BYTES, required=True)
    if fault is not None:
        raise InvalidInput(fault)
    for i, vector in enumerate(vectors):
        check_unit(f"vectors[{i}]", vector.values)
        fault = landing.fault({space: vector.values})
        if fault is not None:
            raise InvalidInput(f"vectors[{i}]: {fault}")
        sql = (
            "SELECT item_id, log.imported, log.time FROM item_rows "
            "LEFT JOIN log ON log.offset = item_rows.upsert_offset WHERE row = ?"
        )
        found = conn.execute(sql, (vector.row,)).fetchone()
        if found is None or found[0] != vector.item_id:
            raise InvalidInput(f"vectors[{i}]: row {vector.row} is not the row of item {shown(vector.item_id)}")
        yield vector, bool(found[1]), found[2]


def read_space(conn: sqlite3.Connection, space: str, after_offset: int) -> StoredVectors:
    """Every vector of a space that landed behind `after_offset`, superseded ones included, in landing order."""
    found = _space(conn, space)
    if found is None:
        return StoredVectors((), (), np.zeros((0, 0), dtype=np.float32))
    n, dimensions = found
    sql = (
        "SELECT v.row, v.offset, log.payload FROM item_vectors AS v CROSS JOIN log ON log.offset = v.offset "
        "WHERE v.space = ? AND v.offset > ? ORDER BY v.offset"
    )
    rows: list[Row] = []
    offsets: list[int] = []
    packed = bytearray()
    for row, offset, payload in conn.execute(sql, (n, after_offset)):
        rows.append(row)
        offsets.append(offset)
        packed += log.VectorLanded.FromString(payload).values
    values = unpack_vector(bytes(packed)).reshape(len(rows), dimensions)
    return StoredVectors(rows, offsets, values)


def read_one(conn: sqlite3.Connection, space: str, item_id: str, content_hash: bytes) -> F32 | None:
    """The vector of an item's text in a space, shape (d,) float32, or None if none has landed."""
    sql = (
        "SELECT log.payload FROM spaces AS s JOIN item_rows AS i "
        "JOIN item_vectors AS v INDEXED BY item_vectors_row ON v.space = s.n AND v.row = i.row "
        "JOIN log ON log.offset = v.offset "
        "WHERE s.name = ? AND i.item_id = ? AND v.content_hash = ? ORDER BY v.offset DESC LIMIT 1"
    )
    found = conn.execute(sql, (space, item_id, content_hash)).fetchone()
    return None if found is None else unpack_vector(log.VectorLanded.FromString(found[0]).values)


def check_unit(name: str, values: F32) -> None:
    """Raises InvalidInput unless `values` is one vector, shape (d,), finite and of length 1."""
    fault = vector_fault(values)
    if fault is not None:
        raise InvalidInput(f"{name} {fault}")
    length = float(np.linalg.norm(values))
    if abs(length - 1.0) > _UNIT_TOLERANCE:
        raise InvalidInput(f"{name} has length {length:.4g}; vectors land at length 1")


def unit_length(values: F32) -> F32:
    """The same direction at length 1, shape (d,) float32. `limits.vector_fault` has passed."""
    exact = values.astype(np.float64)
    largest = np.abs(exact).max()  # scaled first, so that squares of tiny or huge numbers stay in range
    exact /= largest
    return np.asarray(exact / np.sqrt(np.square(exact).sum()), dtype=np.float32)


def _space(conn: sqlite3.Connection, space: str) -> tuple[int, int] | None:
    found: tuple[int, int] | None = conn.execute("SELECT n, dimensions FROM spaces WHERE name = ?", (space,)).fetchone()
    return found
