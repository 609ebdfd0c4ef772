"""Measures recall of the interest source's candidates against exact search, at the source's quota.

    .venv/bin/python scripts/benchmarks/recall.py --items 1000000

The served index and brute force over the same stored vectors stand behind one and the same source, with the same
readers; recall is the share of the exact source's candidates that the served one brings too. Knows nothing of how the
index searches.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any

import bench
import numpy as np
import typer
import worlds
from rich.progress import Progress, track
from world_model import profiles

from feedrank.index.interests import interest_vectors
from feedrank.pipeline.hydrate import interests_of, near_vectors
from feedrank.pipeline.sources import InterestSource
from feedrank.pipeline.stages import Query, Reader
from feedrank.serving.live import Live
from feedrank.settings import Settings
from feedrank.state import State
from feedrank.state.snapshot import load
from feedrank.store import LogStore
from feedrank.store.sqlite import SqliteStore
from feedrank.types import F32, F64, I32, Micros

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)

ROWS_AT_ONCE = 20_000  # compared with all queries at a time: some 50 MB of scores
DEPTH = 500  # nearest rows kept of each query: more than a source asks for
INTERESTS = 3


class BruteForce:
    """Exact search over every vector of a space, as kept: float16, compared in float32. All queries are given at once,
    so that the vectors are passed over once.
    """

    def __init__(self, state: State, space: str, queries: F32, progress: Callable[[int], object]) -> None:
        self._place = {query.tobytes(): i for i, query in enumerate(queries)}
        self._rows = np.empty((len(queries), 0), np.int32)
        self._scores = np.empty((len(queries), 0), np.float32)
        table = state.vectors[space]
        for start in range(0, state.catalog.rows, ROWS_AT_ONCE):
            rows = np.arange(start, min(start + ROWS_AT_ONCE, state.catalog.rows), dtype=np.int32)
            values, has = table.gather(rows)
            scores = queries @ values.T
            scores[:, ~has] = -np.inf
            self._take(rows, scores)
            progress(len(rows))

    def _take(self, rows: I32, scores: F32) -> None:
        """Takes the best of more rows, with the scores of all queries (q, n)."""
        if scores.shape[1] > DEPTH:
            best = np.argpartition(-scores, DEPTH, axis=1)[:, :DEPTH]
            found, scores = rows[best], np.take_along_axis(scores, best, axis=1)
        else:
            found = np.broadcast_to(rows, scores.shape)
        found = np.concatenate([self._rows, found], axis=1)
        scores = np.concatenate([self._scores, scores], axis=1)
        order = np.lexsort((found, -scores), axis=1)[:, :DEPTH]
        self._rows = np.take_along_axis(found, order, axis=1)
        self._scores = np.take_along_axis(scores, order, axis=1)

    def search(self, queries: F32, k: int) -> tuple[I32, F32]:
        """The k nearest rows of queries given before, best first, equal scores by row. KeyError for another query."""
        places = [self._place[query.tobytes()] for query in queries]
        if k > DEPTH:
            raise ValueError(f"{k} nearest were asked for, {DEPTH} are kept")
        scores = self._scores[places, :k]
        return np.where(np.isfinite(scores), self._rows[places, :k], -1).astype(np.int32), scores


@app.command()
def main(
    items: bench.Items = 100_000,
    users: bench.Users = 100_000,
    readers: Annotated[int, typer.Option(min=1, help="Users whose candidates are compared.")] = 200,
    cache: bench.Cache = bench.CACHE,
    json_file: bench.JsonFile = None,
) -> None:
    """Recall of candidates and of single searches, and how long a served search takes."""
    machine = bench.Machine()
    world = worlds.ready(worlds.WorldSpec(items, users), cache)
    chosen = np.random.default_rng(4).choice(world.users(), min(readers, users), replace=False).tolist()
    store = SqliteStore.open(world.data_dir, Settings())
    try:
        with bench.err.status("loading"):
            started = time.perf_counter()
            live = Live(load(world.data_dir / "snapshots" / "state"))
            loading_s = time.perf_counter() - started
        with bench.err.status("compacting, as a worker does aside"):
            started = time.perf_counter()
            live.compact()
            compacting_s = time.perf_counter() - started
        asking = list(readers_of(store, live.state, chosen, world.end))
        queries = np.concatenate([reader.interests for reader in asking])
        with Progress(console=bench.err) as progress:
            task = progress.add_task("exact search", total=live.state.catalog.rows)
            exact = BruteForce(live.state, worlds.SPACE, queries, lambda done: progress.advance(task, done))
        served = live.indices[worlds.SPACE].view
        quota = Settings().quotas.interest
        ours, theirs = InterestSource(served, quota), InterestSource(exact, quota)
        found: dict[str, list[float]] = {"recall": [], "recall of single searches": [], "ms": [], "interests": []}
        query = Query(request_id="", user_id="", limit=20, now=world.end, seed=0)
        for reader in track(asking, "readers", console=bench.err):
            began = time.perf_counter()
            mine = ours.retrieve(query, reader).rows
            found["ms"].append((time.perf_counter() - began) * 1e3)
            found["recall"].append(share(mine, theirs.retrieve(query, reader).rows))
            rows, best = served.search(reader.interests, quota)[0], exact.search(reader.interests, quota)[0]
            found["recall of single searches"] += [share(a, b) for a, b in zip(rows, best, strict=True)]
            found["interests"].append(len(reader.interests))
    finally:
        store.close()
    figures: dict[str, Any] = {f"{name}, mean": float(np.mean(found[name])) for name in found if name != "ms"}
    figures["least recall of a reader"] = min(found["recall"])
    figures["ms of the source, p50"] = float(np.median(found["ms"]))
    figures["ms of the source, p99"] = float(np.percentile(found["ms"], 99))
    figures["s to load state and build the index"] = loading_s
    figures["s to compact it"] = compacting_s
    details = {"items": items, "quota": quota, "readers": len(chosen), "index": type(served).__name__}
    bench.publish(f"recall at a quota of {quota}, {items:,} items", figures, machine, json_file, details)


def readers_of(store: LogStore, state: State, user_ids: Sequence[str], now: Micros) -> Iterator[Reader]:
    """Users as a request sees them, with up to INTERESTS interest vectors."""
    for known in profiles(store, user_ids, worlds.SPACE):
        near = near_vectors(state, known, worlds.SPACE)
        yield Reader(known, interests_of(near, known, now, _interests), 0)


def _interests(vectors: F32, weights: F64, hidden: F32, hidden_weights: F64) -> F32:
    return interest_vectors(vectors, weights, hidden, hidden_weights, INTERESTS)


def share(found: I32, wanted: I32) -> float:
    """Share of the wanted rows that were found; -1 is no row."""
    wanted = wanted[wanted >= 0]
    return float(np.isin(wanted, found).mean()) if len(wanted) else 1.0


if __name__ == "__main__":
    app()
