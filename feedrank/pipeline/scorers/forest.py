"""A LightGBM model as a `Forest`: read from its text, and proven to score as LightGBM does before it is trusted.

The text is one a registry has verified. Models that a forest cannot hold (categorical splits, linear leaves, zeros as
missing, averaged outputs) and any difference in a single bit are refused. Knows nothing of requests.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from feedrank.errors import FeedRankError
from feedrank.kernels import COMPILED, Forest
from feedrank.types import F32, F64, Pause, no_pause

PROOF_ROWS = 1_024  # reading and proving 300 trees takes some 70 ms; every row lies on thresholds
_CATEGORICAL, _DEFAULT_LEFT, _MISSING = 1, 2, 3  # bits of decision_type; the last after a shift by two
_NONE, _NAN = 0, 2  # missing types; 1 is zeros as missing
_MOST_SLOTS = 1_024  # nodes and leaves of a tree that the kernel takes


class NoForest(FeedRankError):
    """A model that is better scored by LightGBM, and why."""


def proven_forest(model_text: str, predict: Callable[[F32], F64], pause: Pause = no_pause) -> Forest:
    """The model's forest; pauses now and then while it is made. NoForest if there is none, or one with other bits than
    LightGBM's `predict` on PROOF_ROWS rows.
    """
    if not COMPILED:
        raise NoForest("the compiled kernels are absent: reinstall where there is a C compiler")
    forest = parse(model_text, pause)
    rows = proof_rows(forest, pause)
    different = np.flatnonzero(forest.scores(rows) != predict(rows))
    if len(different):
        raise NoForest(f"{len(different)} of {len(rows)} rows score otherwise than LightGBM has them")
    return forest


def proof_rows(forest: Forest, pause: Pause = no_pause) -> F32:
    """Rows (PROOF_ROWS, features) of the forest's own thresholds, the numbers next to them, and missing values."""
    rng = np.random.default_rng(0)
    rows = np.zeros((PROOF_ROWS, forest.features), np.float32)
    for feature in range(forest.features):
        pause()
        own = forest.threshold[forest.column % forest.features == feature]
        near = [own, np.nextafter(own, np.float32(-np.inf)), np.nextafter(own, np.float32(np.inf))]
        values = np.concatenate([*near, np.array([0.0, -0.0, np.nan, np.inf, -np.inf], np.float32)])
        rows[:, feature] = rng.choice(values, PROOF_ROWS)
    return rows


def parse(model_text: str, pause: Pause = no_pause) -> Forest:
    """The forest of a verified model text. NoForest names what a forest cannot hold."""
    head, *trees = model_text.split("\nTree=")
    header = _fields(head)
    features = int(header["max_feature_idx"]) + 1
    if "average_output" in head or int(header["num_tree_per_iteration"]) != 1:
        raise NoForest("its outputs are averaged, or it has several classes")
    first_node, first_leaf, parts = [0], [0], []
    for tree in trees:
        pause()
        nodes = _tree(_fields(tree), features)
        parts.append(nodes)
        first_node.append(first_node[-1] + len(nodes[0]))
        first_leaf.append(first_leaf[-1] + len(nodes[4]))
    column, threshold, left, right, values = (
        np.concatenate([part[i] for part in parts]) if parts else np.empty(0) for i in range(5)
    )
    starts = np.array(first_node, np.int32), np.array(first_leaf, np.int32)
    return Forest(
        features,
        *starts,
        column.astype(np.int32),
        threshold.astype(np.float32),
        left.astype(np.int32),
        right.astype(np.int32),
        values.astype(np.float64),
    )


def _fields(section: str) -> Mapping[str, str]:
    return dict(line.split("=", 1) for line in section.splitlines() if "=" in line)


def _tree(fields: Mapping[str, str], features: int) -> tuple[F64, F64, F64, F64, F64]:
    """Columns, thresholds, left and right slots of a tree's nodes, parents first, and its leaves' values."""
    if int(fields["num_cat"]) or int(fields.get("is_linear", "0")):
        raise NoForest("it has categorical splits or linear leaves")
    values = _numbers(fields, "leaf_value", float)
    leaves = len(values)
    if leaves == 1:
        none = np.empty(0)
        return none, none, none, none, values
    if 2 * leaves - 1 > _MOST_SLOTS:
        raise NoForest(f"a tree has {leaves} leaves")
    kinds = _numbers(fields, "decision_type", int).astype(np.int64)
    missing = kinds >> 2 & _MISSING
    if (kinds & _CATEGORICAL).any() or not np.isin(missing, (_NONE, _NAN)).all():
        raise NoForest("it splits by category, or takes zeros for missing values")
    exact = _numbers(fields, "threshold", float)
    # Without a missing type NaN is taken for 0.
    nan_left = np.where(missing == _NAN, kinds & _DEFAULT_LEFT != 0, exact >= 0.0)
    column = _numbers(fields, "split_feature", int) + np.where(nan_left, 0, features)
    left, right = _numbers(fields, "left_child", int), _numbers(fields, "right_child", int)
    order = np.array(list(_parents_first(left, right)))
    slot = np.empty(leaves - 1)
    slot[order] = np.arange(leaves - 1)

    def slots(children: F64) -> F64:
        inner = slot[np.maximum(children, 0).astype(np.int64)]
        return np.where(children >= 0, inner, leaves - 1 + ~children.astype(np.int64))

    return column[order], _rounded_down(exact)[order], slots(left)[order], slots(right)[order], values


def _numbers(fields: Mapping[str, str], name: str, kind: Callable[[str], float]) -> F64:
    return np.array([kind(word) for word in fields[name].split()], np.float64)


def _rounded_down(exact: F64) -> F32:
    """The greatest float32 up to each threshold: a float32 is up to one exactly if it is up to the other."""
    with np.errstate(over="ignore"):
        narrow = exact.astype(np.float32)
    return np.where(narrow.astype(np.float64) > exact, np.nextafter(narrow, np.float32(-np.inf)), narrow)


def _parents_first(left: F64, right: F64) -> Iterator[int]:
    waiting = [0]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(int(child) for child in (right[node], left[node]) if child >= 0)
