"""Snapshots of item state: one file a restart resumes from, so that only the tail of the log is folded again.

The first line says what the file is and gives the sha256 of all that follows, which is checked before any of it is
parsed: an npz of plain arrays, and the strings as JSON within it. A snapshot is derived from the log, so whatever is
wrong with one, deleting it costs nothing but time. Knows nothing of where snapshots are kept, how many, or when one is
due.
"""

import errno
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from feedrank.errors import StoreError, StoreFull, StoreTooNew
from feedrank.state.catalog import Vocabulary
from feedrank.state.fold import State
from feedrank.state.vectors import VectorTable
from feedrank.types import AnyArray

FORMAT = "feedrank-state"
SCHEMA = 1
_HEADER_BYTES = 512  # far more than the first line needs
_REMEDY = "delete it: state is rebuilt from the log"


def save(state: State, path: Path) -> None:
    """Writes `state` to `path`, whole or not at all; the caller holds the fold's lock or owns the state.

    Raises StoreFull or StoreError if the file cannot be written; an older snapshot at `path` then stays.
    """
    payload = io.BytesIO()
    np.savez(payload, allow_pickle=False, **_pack(state))
    packed = payload.getbuffer()
    first_line = {"format": FORMAT, "schema": SCHEMA, "sha256": hashlib.sha256(packed).hexdigest()}
    try:
        _replace(path, json.dumps(first_line).encode() + b"\n", packed)
    except OSError as error:
        kind = StoreFull if error.errno == errno.ENOSPC else StoreError
        raise kind(f"the state snapshot {path} could not be written: {error.strerror}") from error


def load(path: Path) -> State:
    """The state saved at `path`. Folding the rest of the log then gives what folding all of it gives, to the bit.

    Raises StoreError for a snapshot that is missing, altered, truncated or made for another layout of state, and
    StoreTooNew for one of a newer feedrank.
    """
    try:
        with path.open("rb") as file:
            header = _header(file.readline(_HEADER_BYTES), path)
            body = file.read()
    except OSError as error:
        raise StoreError(f"the state snapshot {path} could not be read: {error.strerror}") from error
    if hashlib.sha256(body).hexdigest() != header.get("sha256"):
        raise StoreError(f"the state snapshot {path} is altered or truncated; {_REMEDY}")
    with np.load(io.BytesIO(body), allow_pickle=False) as arrays:
        return _unpack({name: arrays[name] for name in arrays.files}, path)


def _header(line: bytes, path: Path) -> Mapping[str, Any]:
    try:
        header = json.loads(line)
    except ValueError:
        header = None
    if not isinstance(header, dict) or header.get("format") != FORMAT or not isinstance(header.get("schema"), int):
        raise StoreError(f"{path} is no state snapshot, or an altered one; {_REMEDY}")
    if header["schema"] > SCHEMA:
        raise StoreTooNew(
            f"the state snapshot {path} has schema {header['schema']}, this feedrank reads up to {SCHEMA}; "
            f"use a newer feedrank, or {_REMEDY}"
        )
    return header


def _replace(path: Path, *parts: bytes | memoryview) -> None:
    """Puts a file in place: seen whole or not at all, and still there after a power cut."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _layout(state: State) -> dict[str, Any]:
    """What the arrays' meaning depends on in code: a snapshot of another layout is of no use."""
    return {
        "counters": {name: [table.kinds, list(table.half_lives)] for name, table in _counters(state).items()},
        "pairs": {name: [table.half_life, table.keep] for name, table in _pairs(state).items()},
        "columns": {name: column.dtype.str for name, column in state.catalog.columns.items()},
        "vocabularies": sorted(state.catalog.vocabularies),
    }


def _counters(state: State) -> dict[str, Any]:
    return {"items": state.items, "overall": state.overall, **{f"prior_{n}": t for n, t in state.priors.items()}}


def _pairs(state: State) -> dict[str, Any]:
    return {"co_engaged": state.co_engaged, "regional": state.regional}


def _pack(state: State) -> dict[str, AnyArray]:
    spaces = list(state.vectors)
    document = {
        "layout": _layout(state),
        "position": state.position,
        "ids": state.catalog.ids,
        "words": {name: vocabulary.words for name, vocabulary in state.catalog.vocabularies.items()},
        "regions": state.region_names.words,
        "spaces": spaces,
    }
    tables = {**_counters(state), **_pairs(state), "catalog": state.catalog}
    tables |= {f"space_{i}": state.vectors[space] for i, space in enumerate(spaces)}
    arrays = {f"{name}.{part}": array for name, table in tables.items() for part, array in table.to_arrays().items()}
    return {"document": np.frombuffer(json.dumps(document).encode(), np.uint8), **arrays}


def _unpack(arrays: Mapping[str, AnyArray], path: Path) -> State:
    document = json.loads(arrays["document"].tobytes())
    state = State()
    if document["layout"] != _layout(state):
        raise StoreError(f"the state snapshot {path} was made for other counters or columns; {_REMEDY}")
    parts: dict[str, dict[str, AnyArray]] = {}
    for name, array in arrays.items():
        table, _, part = name.partition(".")
        parts.setdefault(table, {})[part] = array
    for name, table in (_counters(state) | _pairs(state)).items():
        table.restore(parts[name])
    state.catalog.restore(parts["catalog"], document["ids"], document["words"])
    for i, space in enumerate(document["spaces"]):
        state.vectors[space] = VectorTable(parts[f"space_{i}"]["values"].shape[1])
        state.vectors[space].restore(parts[f"space_{i}"])
    state.region_names = Vocabulary(document["regions"])
    state.position = document["position"]
    return state
