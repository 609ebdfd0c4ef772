"""Off-policy estimates as a table for people and as JSON for machines.

Knows nothing of how they came about.
"""

from collections.abc import Sequence
from typing import Any

from feedrank.analysis.off_policy.estimators import Value
from feedrank.analysis.off_policy.overlap import Overlap
from feedrank.analysis.page import NOTHING, Table


def values_table(values: Sequence[tuple[str, Value]], caption: str = "", decimals: int = 5) -> Table:
    """Named values with their intervals."""

    def interval(v: Value) -> str:
        return f"{v.low:.{decimals}f} to {v.high:.{decimals}f}" if v.se == v.se else NOTHING

    rows = [(name, v.value, v.se, interval(v)) for name, v in values]
    return Table(("estimate", "value", "standard error", "95% interval"), rows, caption, decimals)


def overlap_json(overlap: Overlap) -> dict[str, Any]:
    """What the weights say of themselves."""
    return {
        "decisions": overlap.decisions,
        "effective": overlap.effective,
        "mean_weight": overlap.mean_weight,
        "mean_weight_se": overlap.mean_weight_se,
        "largest_share": overlap.largest_share,
        "unsupported": overlap.unsupported,
        "smallest_propensity": overlap.smallest,
        "refusals": list(overlap.refusals),
    }


def value_json(value: Value) -> dict[str, Any]:
    """One estimate."""
    return {
        "method": value.method.value,
        "value": value.value,
        "se": value.se,
        "interval": [value.low, value.high],
    }
