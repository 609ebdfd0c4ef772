"""Cells: what they find is scored exactly, little is missed, and they go where they do not pay."""

import numpy as np
import pytest

from feedrank.index import cells, segments
from feedrank.index.cells import RECALL_WANTED, Cells, sorted_by_cell
from feedrank.index.segments import VectorIndex
from feedrank.kernels import reference


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells from two thousand vectors on, so that tests stay small."""
    monkeypatch.setattr(cells, "CELLS_FROM", 2_000)
    monkeypatch.setattr(segments, "CELLS_FROM", 2_000)
    monkeypatch.setattr(cells, "RECALL_AT", 30)


def about_topics(n: int, topics: int, noise: float, seed: int) -> np.ndarray:
    """Unit vectors around centres."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((topics, 48))
    values = centres[rng.integers(0, topics, n)] + noise * rng.standard_normal((n, 48))
    found: np.ndarray = (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)
    return found


def celled(index: VectorIndex) -> Cells:
    """The cells of an index of one segment."""
    (part,) = index.view.sealed
    assert part.segment.cells is not None
    return part.segment.cells


def test_a_search_scores_exactly_and_misses_little_whatever_was_removed() -> None:
    values = about_topics(6_000, 60, 0.4, seed=1)
    rows = np.random.default_rng(2).permutation(6_000).astype(np.int32)
    index = VectorIndex(48)
    index.add(rows, values)
    assert index.wants_compaction
    index.compact()
    assert not index.wants_compaction
    assert celled(index).recall >= RECALL_WANTED
    gone = rows[:500]
    index.remove(gone)
    halves = values.astype(np.float16)
    queries = values[1_000:1_020]
    found, scores = index.view.search(queries, 50)
    exact = reference.products(halves, queries)
    exact[:500] = -np.inf
    place = np.empty(6_000, np.int64)
    place[rows] = np.arange(6_000)
    recalls = []
    for q in range(len(queries)):
        assert scores[q].tobytes() == exact[place[found[q]], q].tobytes()
        assert (np.diff(scores[q]) <= 0).all() and not np.isin(found[q], gone).any()
        best = rows[np.argsort(-exact[:, q], kind="stable")[:50]]
        recalls.append(np.isin(best, found[q]).mean())
    assert np.mean(recalls) > 0.97


def test_few_eligible_rows_are_all_found() -> None:
    values = about_topics(4_000, 40, 0.4, seed=3)
    index = VectorIndex(48)
    index.add(np.arange(4_000, dtype=np.int32), values)
    index.compact()
    assert celled(index)
    allowed = np.zeros(4_000, np.bool_)
    allowed[::100] = True
    assert sorted(index.view.search(values[:1], 40, allowed)[0][0].tolist()) == np.flatnonzero(allowed).tolist()


def test_places_are_those_of_the_probed_cells_once_each_in_order() -> None:
    rng = np.random.default_rng(4)
    centroids = rng.standard_normal((8, 48)).astype(np.float32)
    sizes = np.array([3, 0, 5, 2, 7, 1, 4, 6])
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    made = Cells(centroids, offsets, 2, 1.0, 28)
    queries = rng.standard_normal((2, 48)).astype(np.float32)
    probed = {int(c) for q in queries for c in np.argsort(-(centroids @ q))[:2]}
    expected = [place for c in sorted(probed) for place in range(offsets[c], offsets[c + 1])]
    assert made.places(queries).tolist() == expected


def test_a_grown_segment_keeps_its_centroids_until_it_has_doubled() -> None:
    values = about_topics(9_000, 60, 0.4, seed=5)
    index = VectorIndex(48)
    index.add(np.arange(3_000, dtype=np.int32), values[:3_000])
    index.compact()
    first = celled(index)
    index.add(np.arange(3_000, 5_500, dtype=np.int32), values[3_000:5_500])
    index.compact()
    assert np.array_equal(celled(index).centroids, first.centroids) and celled(index).trained_on == 3_000
    index.add(np.arange(5_500, 9_000, dtype=np.int32), values[5_500:])
    index.compact()
    assert celled(index).trained_on == 9_000


def test_what_is_added_after_the_cells_were_made_is_found() -> None:
    values = about_topics(3_000, 40, 0.4, seed=6)
    index = VectorIndex(48)
    index.add(np.arange(2_990, dtype=np.int32), values[:2_990])
    index.compact()
    assert celled(index)
    index.add(np.arange(2_990, 3_000, dtype=np.int32), values[2_990:])
    index.add(np.array([7], np.int32), -values[7:8])  # superseded
    found, _ = index.view.search(values[2_990:], 1)
    assert found[:, 0].tolist() == list(range(2_990, 3_000))
    assert 7 not in index.view.search(values[7:8], 200)[0]


def test_vectors_without_neighbourhoods_are_scanned_and_not_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    values = about_topics(2_500, 1, 50.0, seed=7)
    index = VectorIndex(48)
    index.add(np.arange(2_500, dtype=np.int32), values)
    index.compact()
    assert index.view.sealed[0].segment.cells is None and not index.wants_compaction
    assert "the segment is scanned" in caplog.text
    order = np.argsort(-reference.products(values.astype(np.float16), values[:1])[:, 0], kind="stable")
    assert index.view.search(values[:1], 9)[0][0].tolist() == order[:9].tolist()


def test_too_few_vectors_have_no_cells() -> None:
    made, order = sorted_by_cell(about_topics(1_999, 10, 0.4, seed=8).astype(np.float16), None)
    assert made is None and order.tolist() == list(range(1_999))
