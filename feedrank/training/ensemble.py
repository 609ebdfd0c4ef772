"""Several boosters over the same columns as one LightGBM model, whose margin is the sum of theirs.

Rankers that err differently err less together, and one model is all that serving, verification and explanation know.
Knows nothing of how boosters are fitted.
"""

from collections.abc import Iterable, Sequence

import lightgbm

_FIRST, _NEXT, _END = "\nTree=0\n", "\nTree=", "end of trees"
_SIZES = "tree_sizes="


def summed(boosters: Sequence[lightgbm.Booster], rounds: int) -> lightgbm.Booster:
    """The first `rounds` trees of each booster, one booster after another, as one model. ValueError for none, or for
    boosters over different columns.
    """
    if not boosters or any(each.feature_name() != boosters[0].feature_name() for each in boosters):
        raise ValueError("boosters to sum must read the same columns, and be one at least")
    texts = [booster.model_to_string(num_iteration=rounds) for booster in boosters]
    if len(texts) == 1:
        return lightgbm.Booster(model_str=texts[0])
    trees = [_numbered(i, tree) for i, tree in enumerate(tree for text in texts for tree in _trees(text))]
    head, tail = texts[0].partition(_FIRST)[0], texts[0].partition(_END)[2]
    sizes = " ".join(str(len(tree.encode())) for tree in trees)  # by which LightGBM finds them
    lines = [f"{_SIZES}{sizes}" if line.startswith(_SIZES) else line for line in head.split("\n")]
    return lightgbm.Booster(model_str="\n".join(lines) + "\n" + "".join(trees) + _END + tail)


def _trees(text: str) -> Iterable[str]:
    """What stands of each tree of a model's text, without its number."""
    body = text.partition(_END)[0]
    return (part.partition("\n")[2] for part in body.split(_NEXT)[1:])


def _numbered(number: int, tree: str) -> str:
    return f"Tree={number}\n{tree.rstrip()}\n\n\n"
