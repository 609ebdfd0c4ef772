"""The index equals brute force, to the bit, whatever was added, superseded, removed, sealed or compacted before."""

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedrank.errors import InvalidInput
from feedrank.index.index_view import SealedSegment
from feedrank.index.segments import IndexView, VectorIndex
from feedrank.kernels import reference


def unit(rng: np.random.Generator, n: int, d: int, near: int = 0) -> np.ndarray:
    """Random unit vectors; with `near`, drawn with repetition from that many, so that scores tie."""
    values = rng.standard_normal((near or n, d)).astype(np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return values[rng.integers(0, near, n)] if near else values


def brute_force(
    held: dict[int, np.ndarray], queries: np.ndarray, k: int, allowed: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    rows = np.array([r for r in held if allowed is None or (r < len(allowed) and allowed[r])], np.int32)
    out_rows = np.full((len(queries), k), -1, np.int32)
    out_scores = np.full((len(queries), k), -np.inf, np.float32)
    if len(rows):
        values = np.array([held[int(r)] for r in rows]).astype(np.float16).astype(np.float32)
        for number, query in enumerate(queries):
            scores = reference.products(values, query[None])[:, 0]
            order = np.lexsort((rows, -scores))[:k]
            out_rows[number, : len(order)], out_scores[number, : len(order)] = rows[order], scores[order]
    return out_rows, out_scores


def agree(
    view: IndexView, held: dict[int, np.ndarray], queries: np.ndarray, k: int, allowed: np.ndarray | None
) -> None:
    rows, scores = view.search(queries, k, allowed)
    expected_rows, expected_scores = brute_force(held, queries, k, allowed)
    assert np.array_equal(rows, expected_rows)
    assert scores.tobytes() == expected_scores.tobytes()
    assert view.live == len(held)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.lists(st.integers(0, 60), max_size=25)),
        st.tuples(st.just("remove"), st.lists(st.integers(0, 70), max_size=12)),
        st.tuples(st.just("compact"), st.just([])),
    ),
    max_size=14,
)


@settings(max_examples=150, deadline=None)
@given(steps, st.integers(0, 2**32 - 1), st.sampled_from([0, 3]), st.integers(0, 40))
def test_any_sequence_of_writes_equals_brute_force(
    work: list[tuple[str, list[int]]], seed: int, near: int, k: int
) -> None:
    rng = np.random.default_rng(seed)
    index = VectorIndex(8, tail_capacity=7)
    held: dict[int, np.ndarray] = {}
    snapshots = []
    for step, rows in work:
        if step == "add":
            values = unit(rng, len(rows), 8, near)
            index.add(np.array(rows, np.int32), values)
            held |= dict(zip(rows, values, strict=True))
        elif step == "remove":
            assert index.remove(np.array(rows, np.int32)) == len(held.keys() & set(rows))
            held = {r: v for r, v in held.items() if r not in rows}
        else:
            index.compact()
            assert len(index.view.sealed) <= 1
        snapshots.append((index.view, dict(held)))
    queries = unit(rng, 2, 8)
    some = rng.random(50) < rng.choice([0.05, 0.5, 0.97])
    for view, then in snapshots:  # views of the past still answer as they did
        agree(view, then, queries, k, None)
        agree(view, then, queries, k, some)


@pytest.mark.parametrize(("near", "k"), [(0, 50), (40, 50), (1, 7)])
def test_a_real_size_equals_brute_force_before_and_after_deletes(near: int, k: int) -> None:
    rng = np.random.default_rng(3)
    index = VectorIndex(384)
    values = unit(rng, 6_000, 384, near)
    rows = np.arange(6_000, dtype=np.int32)[::-1]  # ties go to the lower row, not to the earlier place
    index.add(rows[:5_000], values[:5_000])
    index.add(rows[5_000:], values[5_000:])
    held = dict(zip(rows.tolist(), values, strict=True))
    queries = np.concatenate([unit(rng, 2, 384), values[:1]])
    agree(index.view, held, queries, k, None)
    for share in (0.04, 0.5):
        gone = rng.choice(6_000, int(share * 6_000), replace=False).astype(np.int32)
        index.remove(gone)
        held = {r: v for r, v in held.items() if r not in set(gone.tolist())}
        agree(index.view, held, queries, k, None)
        agree(index.view, held, queries, k, rng.random(6_000) < 0.02)
    assert index.wants_compaction
    index.compact()
    assert not index.wants_compaction
    agree(index.view, held, queries, k, None)


def test_the_nearest_being_removed_uncovers_the_next() -> None:
    rng = np.random.default_rng(5)
    values = unit(rng, 3_000, 16)
    query = values[:1]
    index = VectorIndex(16, tail_capacity=64)
    index.add(np.arange(3_000, dtype=np.int32), values)
    best = index.view.search(query, 600)[0][0]
    index.remove(best[:250])  # fewer than a tenth of all, and exactly those a scan finds first
    assert index.view.search(query, 350)[0][0].tolist() == best[250:].tolist()
    assert index.view.search(query, 20)[0][0].tolist() == best[250:270].tolist()


def test_what_changes_while_a_merge_runs_is_in_its_result(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(6)
    values = unit(rng, 60, 8)
    index = VectorIndex(8, tail_capacity=10)
    held = dict(enumerate(values[:40]))
    for first in range(0, 40, 10):
        index.add(np.arange(first, first + 10, dtype=np.int32), values[first : first + 10])

    def merge_slowly(*arguments: Any) -> SealedSegment:
        monkeypatch.undo()
        index.remove(np.arange(5, 15, dtype=np.int32))
        index.add(np.arange(12, 32, dtype=np.int32), values[40:60])  # some removed, some superseded
        held.update(zip(range(12, 32), values[40:60], strict=True))
        for row in range(5, 12):
            del held[row]
        return SealedSegment(*arguments)

    monkeypatch.setattr("feedrank.index.segments.SealedSegment", merge_slowly)
    index.compact()
    assert len(index.view.sealed) == 2
    agree(index.view, held, values[:3], 40, None)
    index.remove(np.arange(0, 60, 2, dtype=np.int32))
    held = {row: vector for row, vector in held.items() if row % 2}
    agree(index.view, held, values[:3], 40, None)
    index.compact()
    agree(index.view, held, values[:3], 40, None)


def test_an_empty_index_and_k_zero_answer_with_padding() -> None:
    index = VectorIndex(4)
    query = np.array([[1, 0, 0, 0]], np.float32)
    rows, scores = index.view.search(query, 3)
    assert rows.tolist() == [[-1, -1, -1]] and np.isneginf(scores).all()
    assert index.view.search(query, 0)[0].shape == (1, 0)
    assert index.remove(np.array([0, 7], np.int32)) == 0
    index.compact()
    assert index.view.live == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, 2.0])
def test_bad_vectors_change_nothing(bad: float) -> None:
    index = VectorIndex(4)
    good = np.eye(4, dtype=np.float32)
    index.add(np.arange(4, dtype=np.int32), good)
    worse = good.copy()
    worse[1, 1] = bad
    with pytest.raises(InvalidInput, match="vector 1"):
        index.add(np.arange(4, dtype=np.int32), worse)
    with pytest.raises(InvalidInput, match="vector 1"):
        index.view.search(worse, 2)
    with pytest.raises(InvalidInput, match=r"\(n, 4\)"):
        index.view.search(good[:, :3], 2)
    with pytest.raises(InvalidInput, match="one row"):
        index.add(np.array([-1], np.int32), good[:1])
    with pytest.raises(InvalidInput, match="k is -1"):
        index.view.search(good, -1)
    assert index.view.search(good, 1)[0].ravel().tolist() == [0, 1, 2, 3]


def test_readers_see_whole_batches_while_one_writer_adds_removes_and_another_thread_compacts() -> None:
    """Batch b holds rows 10b..10b+9, all equal to one direction; a reader must find all ten or, once removed, none."""
    rng = np.random.default_rng(11)
    directions = unit(rng, 60, 32)
    index = VectorIndex(32, tail_capacity=37)
    done = threading.Event()
    faults: list[str] = []
    present = np.zeros(60, np.bool_)  # written by the writer after the change it describes

    def rows_of(batch: int) -> np.ndarray:
        return np.arange(10 * batch, 10 * batch + 10, dtype=np.int32)

    def read(seed: int) -> None:
        mine = np.random.default_rng(seed)
        while not done.is_set():
            batch = int(mine.integers(60))
            before = bool(present[batch])
            view = index.view
            rows, scores = view.search(directions[batch : batch + 1], 10)
            again = view.search(directions[batch : batch + 1], 10)
            hits = np.sort(rows[0][scores[0] > 0.99])
            if hits.tolist() not in ([], rows_of(batch).tolist()):
                faults.append(f"batch {batch}: {hits}")
            if before and bool(present[batch]) and not len(hits):
                faults.append(f"batch {batch} is missing")
            if not np.array_equal(rows, again[0]):
                faults.append("a view changed under its reader")

    def merge() -> None:
        while not done.is_set():
            index.compact()

    threads = [threading.Thread(target=read, args=(s,)) for s in range(3)] + [threading.Thread(target=merge)]
    for thread in threads:
        thread.start()
    for batch in range(60):
        index.add(rows_of(batch), np.repeat(directions[batch : batch + 1], 10, 0))
        present[batch] = True
    for batch in range(0, 60, 2):  # supersede in place: the rows never go missing
        index.add(rows_of(batch), np.repeat(directions[batch : batch + 1], 10, 0))
    done.set()
    for thread in threads:
        thread.join()
    for batch in range(1, 60, 3):
        index.remove(rows_of(batch))
    assert faults == []
    held = {10 * b + i: directions[b] for b in range(60) if b % 3 != 1 for i in range(10)}
    agree(index.view, held, directions[:5], 12, None)
