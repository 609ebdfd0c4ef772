from feedrank.types import AnyArray

AVX512: int

def use_avx512(wanted: bool) -> bool: ...
def products(
    table: AnyArray, half: bool, places: AnyArray | None, b: AnyArray, m: int, d: int, out: AnyArray
) -> None: ...
def nearest(
    table: AnyArray,
    half: bool,
    rows: AnyArray,
    alive: AnyArray,
    places: AnyArray | None,
    queries: AnyArray,
    m: int,
    k: int,
    keys: AnyArray,
    counts: AnyArray,
) -> None: ...
def unpacked(table: AnyArray, d: int, places: AnyArray, out: AnyArray) -> None: ...
def raised(values: AnyArray, table: AnyArray, d: int, places: AnyArray, chosen: int) -> None: ...
def foremost(values: AnyArray, places: AnyArray, open: AnyArray) -> int: ...
def greatest(scores: AnyArray, m: int, column: int, rows: AnyArray, alive: AnyArray, k: int, keys: AnyArray) -> int: ...
def in_slate(scores: bool, values: AnyArray, offsets: AnyArray, out: AnyArray) -> None: ...
def positions(rows: AnyArray, others: AnyArray, out: AnyArray) -> None: ...
def distinct(rows: AnyArray, out: AnyArray, weights: AnyArray | None, sums: AnyArray | None) -> int: ...
def summaries(values: AnyArray, weights: AnyArray, top: int, out: AnyArray) -> None: ...
def decayed(sums: AnyArray, width: int, rows: AnyArray, shrinks: AnyArray, faintest: float, out: AnyArray) -> None: ...
def counted(sums: AnyArray, kinds: int, width: int, rows: AnyArray, which: AnyArray, weights: AnyArray) -> None: ...
def taken(columns: tuple[AnyArray, ...], rows: AnyArray, out: tuple[AnyArray, ...]) -> None: ...
def looked_up(
    tiers: tuple[tuple[AnyArray, AnyArray, AnyArray], ...],
    firsts: AnyArray,
    others: AnyArray,
    oldest: int,
    factor: float,
    out: AnyArray,
) -> None: ...
def paired(
    tiers: tuple[tuple[AnyArray, AnyArray, AnyArray], ...],
    firsts: AnyArray,
    seconds: AnyArray,
    growths: AnyArray,
    times: AnyArray,
    newest: int,
    span: int,
    keys: AnyArray,
    weights: AnyArray,
    touched: AnyArray,
) -> int: ...
def rows_of(
    tiers: tuple[tuple[AnyArray, AnyArray, AnyArray], ...],
    spans: AnyArray,
    oldest: int,
    others: AnyArray,
    weights: AnyArray,
    sizes: AnyArray,
) -> int: ...
def ward(squares: AnyArray, cut: float, most: int, sizes: AnyArray, cluster: AnyArray) -> None: ...
def matched(keys: AnyArray, wanted: AnyArray, group: AnyArray, asked: AnyArray) -> int: ...
def forest(
    first_node: AnyArray,
    first_leaf: AnyArray,
    column: AnyArray,
    threshold: AnyArray,
    left: AnyArray,
    right: AnyArray,
    leaf_value: AnyArray,
    features: int,
) -> object: ...
def forest_scores(forest: object, by_column: bool, rows: AnyArray, out: AnyArray) -> None: ...
