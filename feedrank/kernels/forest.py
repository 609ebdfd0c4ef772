"""A forest of binary trees: checked and laid out for the compiled kernel once, scored many times.

Knows nothing of LightGBM, or of where the trees come from.
"""

from dataclasses import dataclass, field

import numpy as np

from feedrank.errors import InvalidInput
from feedrank.kernels.binding import native
from feedrank.types import F32, F64, I32


@dataclass(frozen=True, slots=True)
class Forest:
    """Binary trees over numeric features; a node's children come after it.

    Slots of a tree are its nodes, then its leaves. A value up to a node's threshold goes left. `column` is a feature,
    plus the number of features where a missing value goes right. ValueError for what is no forest, where kernels are
    COMPILED.
    """

    features: int
    first_node: I32  # (trees + 1,)
    first_leaf: I32  # (trees + 1,)
    column: I32  # (nodes,)
    threshold: F32  # (nodes,)
    left: I32  # (nodes,) slots
    right: I32  # (nodes,)
    leaf_value: F64  # (leaves,)
    _laid_out: object = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        if native is not None:
            starts, nodes = (self.first_node, self.first_leaf), (self.column, self.threshold, self.left, self.right)
            object.__setattr__(self, "_laid_out", native.forest(*starts, *nodes, self.leaf_value, self.features))

    def scores(self, rows: F32) -> F64:
        """Sums over all trees, in order, for rows (n, features) float32 in either order: (n,) float64.

        InvalidInput where nothing is COMPILED.
        """
        if native is None:
            raise InvalidInput("a forest is scored by the compiled kernels, which this installation lacks")
        out = np.empty(len(rows))
        if len(rows):
            by_column = rows.flags.f_contiguous and not rows.flags.c_contiguous
            native.forest_scores(self._laid_out, by_column, rows.T if by_column else np.ascontiguousarray(rows), out)
        return out
