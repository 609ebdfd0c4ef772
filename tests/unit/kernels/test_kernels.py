"""Each compiled kernel gives its NumPy reference's bits, with AVX-512 and without; what does not fit is refused."""

import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedrank import kernels
from feedrank.errors import InvalidInput
from feedrank.kernels import native, reference

compiled = pytest.mark.skipif(not kernels.COMPILED, reason="no compiler was found when feedrank was installed")


@pytest.fixture(params=[True, False], ids=["avx512", "portable"], autouse=True, scope="module")
def instructions(request: pytest.FixtureRequest) -> Iterator[None]:
    """Runs each test in both builds."""
    if native is None:
        yield
        return
    if native.use_avx512(request.param) != request.param:
        pytest.skip("this machine has no AVX-512")
    yield
    native.use_avx512(True)


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
@given(st.integers(1, 900), st.integers(1, 60), st.sampled_from([0, 3]), st.integers(0, 9))
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


values = st.one_of(st.sampled_from([0.0, -0.0, 1.0, float("nan"), float("inf"), float("-inf")]), st.floats())


@given(st.lists(st.lists(values, max_size=40), max_size=4))
def test_places_have_the_reference_bits(slates: list[list[float]]) -> None:
    flat = np.array([value for slate in slates for value in slate], np.float64)
    offsets = np.concatenate([[0], np.cumsum([len(slate) for slate in slates])]).astype(np.int64)
    assert kernels.places_by_size(flat, offsets).tobytes() == reference.places_by_size(flat, offsets).tobytes()


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


def test_what_does_not_fit_is_refused() -> None:
    four, five = np.zeros((3, 4), np.float32), np.zeros((2, 5), np.float32)
    with pytest.raises(InvalidInput, match=r"\(3, 4\) cannot be multiplied with \(2, 5\)"):
        kernels.products(four, five)
    with pytest.raises(InvalidInput, match="float64"):
        kernels.products(four.astype(np.float64), four)
    with pytest.raises(InvalidInput, match="k is 0"):
        kernels.greatest(four[:, 0], np.arange(3, dtype=np.int32), np.ones(3, np.bool_), 0)


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
    with pytest.raises(ValueError, match="offsets fall"):
        native.places_by_size(np.zeros(3), np.array([0, 4, 3]), np.zeros(3))
    with pytest.raises(ValueError, match="do not agree"):
        native.places_by_size(np.zeros(3), np.array([0, 4]), np.zeros(3))
    with pytest.raises(ValueError, match="do not agree"):
        native.greatest(out, 2, 2, np.arange(3, dtype=np.int32), np.ones(3, np.bool_), 1, np.zeros(300, np.uint64))
