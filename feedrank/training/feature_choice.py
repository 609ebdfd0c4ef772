"""Which features a model is trained on: those that are steady, and that vary in its data.

Knows nothing of models or of labels.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from feedrank.errors import InvalidInput
from feedrank.features import BY_NAME, NAMES
from feedrank.types import F32

# Reads without a view (histories, push, other surfaces) are a sensor whose coverage changes: an imported history stops
# where the live log begins, which is the very day a new model goes to work. Features that count them as they come mean
# something else from then on. On EB-NeRD, with histories cut where the judged days begin, leaving them out of training
# is worth 0.005 AUC. They serve where they do not decide alone: in the prior scorer, and in co-engagement.
UNSTEADY = frozenset(
    (
        *(f"log_engaged_{hours}h" for hours in (1, 6, 24, 168)),
        *(f"rank_engaged_{hours}h" for hours in (1, 6, 24)),
        "z_engaged_6h",
        "speed_1h_6h",
        "speed_6h_24h",
        "speed_24h_168h",
        "last_click_hours",
    )
)


def steady(names: Sequence[str] = NAMES) -> tuple[str, ...]:
    """The names without the unsteady ones: what is trained on unless features are named."""
    return tuple(name for name in names if name not in UNSTEADY)


def check_names(names: Sequence[str]) -> tuple[str, ...]:
    """The names themselves, if each is defined and stands once. InvalidInput names the first that does not."""
    for i, name in enumerate(names):
        if name not in BY_NAME:
            raise InvalidInput(
                f"no feature is named {name!r}; `export_dataset.py --list-features` lists the known ones"
            )
        if name in names[:i]:
            raise InvalidInput(f"feature {name!r} is named twice")
    return tuple(names)


def varying(names: Sequence[str], rows: F32) -> tuple[str, ...]:
    """The names whose columns (n, len(names)) hold two values at least, missing being one: no tree can split others."""
    kept = []
    for j, name in enumerate(names):
        column = rows[:, j]
        missing = np.isnan(column)
        present = column[~missing]
        if len(present) and (missing.any() or present.min() < present.max()):
            kept.append(name)
    return tuple(kept)


def read_names(path: Path) -> tuple[str, ...]:
    """Feature names out of a text file, one a line, without empty lines and what follows #. InvalidInput for none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path}: no list of feature names can be read from it: {error}") from error
    names = tuple(name for line in lines if (name := line.partition("#")[0].strip()))
    if not names:
        raise InvalidInput(f"{path}: it names no feature; write one name a line")
    return names
