"""Each compiled kernel gives its NumPy reference's bits, with AVX-512 and without; what does not fit is refused."""

import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.cluster import hierarchy

from feedrank import kernels
from feedrank.errors import InvalidInput
from feedrank.kernels import native, reference

compiled = pytest.mark.skipif(not kernels.COMPILED, reason="no compiler was found when feedrank was installed")


def test_a_machine_with_a_compiler_has_the_kernels() -> None:
    assert kernels.COMPILED or shutil.which("cc") is None, "reinstall with `pip install -e .` and read its warnings"


def vectors(rng: np.random.Generator, n: int, d: int, kind: type) -> np.ndarray:
    """Values of many sizes: signs, zeros, and float16 below its normal range."""
    values = rng.standard_normal((n, d)) * 10.0 ** rng.integers(-7, 2, (n, d))
    values[rng.random((n, d)) < 0.1] = 0.0
    return values.astype(kind)


@compiled
@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 23),
    st.integers(1, 15),
    st.integers(1, 70),
    st.sampled_from([np.float16, np.float32]),
    st.booleans(),
    st.integers(0, 99),
)
def test_products_have_the_reference_bits(n: int, m: int, d: int, kind: type, placed: bool, seed: int) -> None:
    rng = np.random.default_rng([seed, n, m, d])
    table, queries = vectors(rng, n, d, kind), vectors(rng, m, d, np.float32)
    places = rng.integers(-1, n, 2 * n).astype(np.int32) if placed and n else None
    found = kernels.products(table, queries, places)
    assert found.tobytes() == reference.products(table, queries, places).tobytes()
    exact = (table if places is None else np.where(places[:, None] >= 0, table[places], 0)).astype(float) @ queries.T
    np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-4)


@compiled
def test_every_finite_float16_is_widened_exactly() -> None:
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = halves[np.isfinite(halves)].reshape(-1, 1)
    assert np.array_equal(kernels.products(finite, np.ones((1, 1), np.float32))[:, 0], finite[:, 0].astype(np.float32))


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 900), st.integers(0, 60), st.sampled_from([0, 3]), st.integers(0, 9))
def test_greatest_equals_a_full_sort(n: int, k: int, distinct: int, seed: int) -> None:
    rng = np.random.default_rng([n, k, seed])
    scores = rng.standard_normal((n, 3)).astype(np.float32)
    if distinct:
        scores[:] = np.round(scores * 2) / -2  # many ties, minus zero among them
    rows = rng.permutation(2 * n).astype(np.int32)[:n]
    alive = rng.random(n) < rng.choice([0.0, 0.2, 1.0])
    for column in range(3):
        found = kernels.greatest(scores[:, column], rows, alive, k)
        expected = sorted((-float(s), int(r)) for s, r, a in zip(scores[:, column], rows, alive, strict=True) if a)[:k]
        assert found[0].tolist() == [row for _, row in expected]
        assert found[1].tolist() == [-score for score, _ in expected]
        again = kernels.greatest(np.ascontiguousarray(scores[:, column]), rows, alive, k)
        assert np.array_equal(found[0], again[0])


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 2_500), st.integers(1, 4), st.integers(1, 60), st.booleans(), st.booleans(), st.integers(0, 9))
def test_nearest_equals_products_and_a_full_sort(v: int, m: int, k: int, half: bool, placed: bool, seed: int) -> None:
    rng = np.random.default_rng([v, m, k, seed])
    table = np.round(rng.standard_normal((v, 5)) * 2).astype(np.float16 if half else np.float32)  # many ties
    queries, rows = (
        np.round(rng.standard_normal((m, 5))).astype(np.float32),
        rng.permutation(2 * v).astype(np.int32)[:v],
    )
    alive = rng.random(v) < rng.choice([0.0, 0.2, 1.0])
    places = rng.permutation(v)[: v // 2].astype(np.int32) if placed else None
    found, scores = kernels.nearest(table, rows, alive, queries, k, places)
    expected = reference.nearest(table, rows, alive, queries, k, places)
    assert found.tolist() == expected[0].tolist() and scores.tolist() == expected[1].tolist()
    best = sorted((-(table[i].astype(float) @ queries[0]), rows[i]) for i in (range(v) if places is None else places))
    live = dict(zip(rows.tolist(), alive.tolist(), strict=True))
    best = [row for _, row in best if live[row]][:k]
    assert found[0].tolist() == best + [-1] * (k - len(best))


@given(st.integers(0, 9), st.integers(1, 40), st.integers(0, 99))
def test_vectors_at_places_are_unpacked_exactly(n: int, d: int, seed: int) -> None:
    rng = np.random.default_rng([n, d, seed])
    table, places = rng.standard_normal((5, d)).astype(np.float16), rng.integers(-1, 5, n).astype(np.int32)
    expected = np.array([np.zeros(d) if place < 0 else table[place] for place in places], np.float32).reshape(n, d)
    for each in (kernels.unpacked, reference.unpacked):
        assert each(table, places).tobytes() == expected.tobytes()


@given(st.integers(0, 30), st.integers(1, 70), st.integers(0, 99))
def test_values_are_raised_to_the_products_with_a_vector_of_the_table(n: int, d: int, seed: int) -> None:
    rng = np.random.default_rng([n, d, seed])
    table, places = vectors(rng, 9, d, np.float16), rng.integers(-1, 9, n).astype(np.int32)
    before, chosen = np.maximum(rng.standard_normal(n), 0.0), int(rng.integers(9))
    expected = np.maximum(before, kernels.products(table, table[chosen].astype(np.float32)[None], places)[:, 0])
    for each in (kernels.raised, reference.raised):
        values = before.copy()
        each(values, table, places, chosen)
        assert values.tobytes() == expected.tobytes()


@given(st.lists(st.tuples(st.sampled_from([0.0, -0.0, 1.0, -2.5]) | st.floats(-9, 9), st.booleans()), max_size=40))
def test_the_foremost_is_the_first_of_the_greatest_open_ones(some: list[tuple[float, bool]]) -> None:
    n = len(some)
    values, places = np.array([value for value, _ in some], np.float64), np.arange(n, dtype=np.int32)[::-1].copy()
    open_ = np.array([is_open for _, is_open in some[::-1]], np.bool_)
    best = max((value for value, is_open in some if is_open), default=None)
    expected = next((i for i, (value, is_open) in enumerate(some) if is_open and value == best), -1)
    assert kernels.foremost(values, places, open_) == reference.foremost(values, places, open_) == expected


odd = [0.0, -0.0, 1.0, float("nan"), float("inf"), float("-inf")]
slates = st.lists(st.lists(st.sampled_from(odd) | st.floats(), max_size=40), max_size=4)
tame = st.lists(
    st.lists(st.sampled_from([0.0, -1.0, 2.5, float("nan")]) | st.floats(-1e6, 1e6), max_size=20), max_size=5
)


def flat(slates: list[list[float]]) -> tuple[np.ndarray, np.ndarray]:
    """Two columns of the slates' values, the second of them backwards in sign; and the slates' offsets."""
    values = np.array([value for slate in slates for value in slate], np.float64)
    return np.stack([values, -values]), np.concatenate([[0], np.cumsum([len(s) for s in slates])]).astype(np.int64)


@given(slates)
def test_places_and_scores_have_the_reference_bits(slates: list[list[float]]) -> None:
    columns, offsets = flat(slates)
    with np.errstate(all="ignore"):
        for each in (0, 1):
            places = reference.places_by_size(columns[each], offsets)
            assert kernels.places_by_size(columns, offsets)[each].tobytes() == places.tobytes()
            scores = reference.standard_scores(columns[each], offsets)
            found = kernels.standard_scores(columns, offsets)[each]
            assert np.array_equal(found, scores, equal_nan=True)


@given(st.integers(1, 400), st.integers(0, 99))
def test_places_in_large_slates_have_the_reference_bits(n: int, seed: int) -> None:
    rng = np.random.default_rng([n, seed])
    columns = np.stack([rng.standard_normal(n), np.round(rng.standard_normal(n)), rng.integers(-9, 9, n) * 1e300])
    columns[:, rng.random(n) < 0.1] = np.nan
    offsets = np.array([0, n // 3, n], np.int64)
    for column, places in zip(columns, kernels.places_by_size(columns, offsets), strict=True):
        assert places.tobytes() == reference.places_by_size(column, offsets).tobytes()


@given(tame)
def test_places_are_the_mean_ranks_of_ties_from_0_to_1(slates: list[list[float]]) -> None:
    expected: list[float] = []
    for slate in slates:
        sunk = [-np.inf if np.isnan(value) else value for value in slate]
        expected += ((stats.rankdata(sunk) - 1) / max(len(slate) - 1, 1)).tolist()
    assert kernels.places_by_size(*flat(slates))[0] == pytest.approx(expected)


@given(tame)
def test_standard_scores_are_those_among_what_is_known(slates: list[list[float]]) -> None:
    expected: list[float] = []
    for slate in slates:
        known = np.array([value for value in slate if not np.isnan(value)])
        spread = known.std() if len(known) else 0.0
        for value in slate:
            expected.append(np.nan if np.isnan(value) else (value - known.mean()) / spread if spread > 1e-9 else 0.0)
    assert kernels.standard_scores(*flat(slates))[0] == pytest.approx(expected, nan_ok=True, rel=1e-6, abs=1e-6)


keys = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 6)


@given(st.lists(keys, max_size=60), st.lists(keys, max_size=60))
def test_keys_are_grouped_as_the_reference_groups_them(mine: list[int], wanted: list[int]) -> None:
    arguments = np.array(mine, np.int64), np.array(wanted, np.int64)
    group, asked, groups = kernels.matched(*arguments)
    expected_group, expected_asked, expected_groups = reference.matched(*arguments)
    assert (group.tolist(), asked.tolist(), groups) == (
        expected_group.tolist(),
        expected_asked.tolist(),
        expected_groups,
    )
    numbers = list(dict.fromkeys(mine))
    assert group.tolist() == [numbers.index(key) for key in mine]
    assert asked.tolist() == [numbers.index(key) if key in numbers else len(numbers) for key in wanted]


rows_ = st.integers(0, 12) | st.integers(-(2**31), 2**31 - 1)


@given(st.lists(rows_, max_size=60), st.lists(rows_, max_size=60))
def test_rows_are_found_where_they_first_stand(mine: list[int], others: list[int]) -> None:
    rows, among = np.array(mine, np.int32), np.array(others, np.int32)
    expected = [others.index(row) if row in others else -1 for row in mine]
    assert kernels.positions(rows, among).tolist() == reference.positions(rows, among).tolist() == expected
    assert kernels.among(rows, among).tolist() == [row in others for row in mine]
    assert kernels.distinct(rows).tolist() == reference.distinct(rows).tolist() == list(dict.fromkeys(mine))


@given(st.integers(0, 9), st.integers(3, 40), st.integers(1, 3), st.integers(0, 99))
def test_summaries_have_the_reference_bits(n: int, h: int, top: int, seed: int) -> None:
    rng = np.random.default_rng([n, h, seed])
    values = np.round(rng.standard_normal((n, h)), 1 if seed % 2 else 6).astype(np.float32)
    weights = np.exp2(-np.arange(h, dtype=np.float64))
    found = kernels.summaries(values, weights, top)
    assert found.tobytes() == reference.summaries(values, weights, top).tobytes()
    wider = np.concatenate([values, values], axis=1)
    assert found.tobytes() == kernels.summaries(wider, weights, top).tobytes()
    best = np.sort(values.astype(float), axis=1)[:, ::-1][:, :top].sum(axis=1)
    exact = np.stack([values.max(axis=1), values.sum(axis=1, dtype=float), values @ weights, best], axis=1)
    np.testing.assert_allclose(found, exact, rtol=1e-6, atol=1e-6)


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 6), st.floats(0.0, 3.0), st.integers(0, 99))
def test_ward_clusters_as_scipy_does(n: int, most: int, cut: float, seed: int) -> None:
    points = np.random.default_rng([n, seed]).standard_normal((n, 4))
    squares = ((points[:, None] - points) ** 2).sum(axis=2)
    found = kernels.ward(squares, cut * cut, most)
    assert np.array_equal(found, reference.ward(squares, cut * cut, most))
    if n > 1:
        tree = hierarchy.linkage(points, "ward")
        expected = hierarchy.fcluster(tree, cut, "distance")
        if expected.max() > most:
            expected = hierarchy.fcluster(tree, most, "maxclust")
        assert np.array_equal(found[:, None] == found, expected[:, None] == expected)


def test_what_does_not_fit_is_refused() -> None:
    four, five = np.zeros((3, 4), np.float32), np.zeros((2, 5), np.float32)
    with pytest.raises(InvalidInput, match=r"\(3, 4\) cannot be multiplied with \(2, 5\)"):
        kernels.products(four, five)
    with pytest.raises(InvalidInput, match="float64"):
        kernels.products(four.astype(np.float64), four)
    with pytest.raises(InvalidInput, match="not float32"):
        kernels.raised(np.zeros(3, np.float32), four.astype(np.float16), np.zeros(3, np.int32), 0)
    with pytest.raises(InvalidInput, match="k is -1"):
        kernels.greatest(four[:, 0], np.arange(3, dtype=np.int32), np.ones(3, np.bool_), -1)


@compiled
def test_the_module_reads_beyond_no_array() -> None:
    assert native is not None
    table, b, out = np.zeros((3, 4), np.float32), np.zeros((2, 4), np.float32), np.zeros((3, 2), np.float32)
    with pytest.raises(ValueError, match="beyond the table"):
        native.products(table, False, np.array([0, 1, 3], np.int32), b, 2, 4, out)
    with pytest.raises(ValueError, match="do not agree"):
        native.products(table, False, None, b, 2, 5, out)
    with pytest.raises(ValueError, match="one entry for each product"):
        native.products(table, False, None, b, 2, 4, out[:2])
    with pytest.raises(ValueError, match="items of 4 bytes, not 2"):
        native.products(table, True, None, b, 2, 4, out)
    rows, alive, counts = np.arange(3, dtype=np.int32), np.ones(3, np.bool_), np.zeros(2, np.int64)
    with pytest.raises(ValueError, match="beyond the table"):
        native.nearest(table, False, rows, alive, rows + 1, b, 2, 1, np.zeros((2, 259), np.uint64), counts)
    with pytest.raises(ValueError, match="do not agree"):
        native.nearest(table, False, rows, alive, None, b, 2, 1, np.zeros((2, 258), np.uint64), counts)
    with pytest.raises(ValueError, match="chosen vector lies beyond"):
        native.raised(np.zeros(1), table.astype(np.float16), 4, np.zeros(1, np.int32), 3)
    with pytest.raises(ValueError, match="beyond the table"):
        native.raised(np.zeros(1), table.astype(np.float16), 4, np.full(1, 3, np.int32), 0)
    with pytest.raises(ValueError, match="beyond the open ones"):
        native.foremost(np.zeros(1), np.ones(1, np.int32), np.ones(1, np.bool_))
    with pytest.raises(ValueError, match="offsets fall"):
        native.in_slate(False, np.zeros(3), np.array([0, 4, 3]), np.zeros(3))
    with pytest.raises(ValueError, match="do not agree"):
        native.in_slate(True, np.zeros(3), np.array([0, 4]), np.zeros(3))
    with pytest.raises(ValueError, match="do not agree"):
        native.greatest(out, 2, 2, np.arange(3, dtype=np.int32), np.ones(3, np.bool_), 1, np.zeros(300, np.uint64))
