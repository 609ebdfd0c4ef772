"""Every test of kernels runs in both builds."""

from collections.abc import Iterator

import pytest

from feedrank.kernels import native


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
