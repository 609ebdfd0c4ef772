"""Many simulated experiments of two arms, a batch at a time: every metric's difference in each of them.

Knows nothing of what is claimed about them.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from feedrank.analysis.evidence.visits import Metric, draw
from feedrank.analysis.statistics import Difference, Moments, compare

CELLS = 400_000  # users drawn at once: some 50 MB


def experiments(
    seed: int, count: int, users: tuple[int, int], metrics: Sequence[Metric], lift: float = 1.0
) -> Iterator[Mapping[Metric, Difference]]:
    """Differences of `count` experiments with `users` in control and treatment, in batches; equal seeds give equal
    experiments.
    """
    rng = np.random.default_rng(seed)
    step = max(1, CELLS // sum(users))
    for start in range(0, count, step):
        size = min(step, count - start)
        arms = (draw(rng, size, users[0]), draw(rng, size, users[1], lift))
        yield {m: compare(*(Moments.of(m.columns(arm)) for arm in arms)) for m in metrics}
