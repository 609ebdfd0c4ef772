from feedrank.types import AnyArray

AVX512: int

def use_avx512(wanted: bool) -> bool: ...
def products(
    table: AnyArray, half: bool, places: AnyArray | None, b: AnyArray, m: int, d: int, out: AnyArray
) -> None: ...
def greatest(scores: AnyArray, m: int, column: int, rows: AnyArray, alive: AnyArray, k: int, keys: AnyArray) -> int: ...
def places_by_size(values: AnyArray, offsets: AnyArray, out: AnyArray) -> None: ...
def matched(keys: AnyArray, wanted: AnyArray, group: AnyArray, asked: AnyArray) -> int: ...
def forest_scores(
    first_node: AnyArray,
    first_leaf: AnyArray,
    column: AnyArray,
    threshold: AnyArray,
    left: AnyArray,
    right: AnyArray,
    leaf_value: AnyArray,
    features: int,
    rows: AnyArray,
    out: AnyArray,
) -> None: ...
