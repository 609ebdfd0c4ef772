"""The service a good engineer would write in an afternoon: what feedrank's speed is measured against.

What it does: answers Rank of feedrank.v1 from the same data directory. At start it reads items, vectors, counters and
the champion model; a request reads its user's history, makes up to three interest vectors, searches a FAISS flat index
with each, fills up with what trends to 500 candidates, drops what was read, computes the same features by feedrank's
own function, calls LightGBM's `predict`, sorts, and replies with the top rows. One process, grpc.aio, every library as
it comes.

What it leaves out, all of it work that feedrank does: following the log (its view of items stands still, and a click is
known only to the history), filters but for what was read, one telling of a story, regions and languages, rules, pins,
caps, diversity, exposure floors, calibration, exploration with propensities, experiments, paging, slates in the log,
explanations, stage metrics, degraded replies, limits and deadlines. And it borrows what an afternoon does not hold:
the store's history by user, the fold, its snapshot, and the feature function with its compiled kernels. versus_naive.py
can take the kernels away (--naive-numpy); NumPy then keeps to the kernels' bits, which costs it some milliseconds more
than features written for NumPy in the first place.
"""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import faiss
import grpc
import lightgbm
import numpy as np
import typer
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from feedrank import history as user_history
from feedrank.features import compute, fingerprint_of, gather
from feedrank.history import NO_HISTORY, Profile, profile
from feedrank.index.interests import interest_vectors
from feedrank.pipeline.hydrate import interests_of, near_vectors
from feedrank.pipeline.lists import SharedLists, build
from feedrank.records import decode
from feedrank.registry import Registry
from feedrank.settings import Settings
from feedrank.state import State, apply
from feedrank.state.snapshot import load
from feedrank.store.sqlite import SqliteStore
from feedrank.types import F32, F64, I32, SECOND, Context, Micros, UserId
from feedrank.v1 import feedrank_pb2 as pb
from feedrank.v1 import feedrank_pb2_grpc as rpc

app = typer.Typer(add_completion=False)

CANDIDATES = 500
INTERESTS = 3
NEAREST = 300  # of each interest: three times as many, less overlaps and what was read, are about 500
DEFAULT_LIMIT = 20


@dataclass(frozen=True, slots=True)
class Corpus:
    """All that is read at start."""

    store: SqliteStore
    state: State
    index: faiss.IndexFlatIP
    row_of: I32  # of each vector in the index
    booster: lightgbm.Booster
    features: tuple[str, ...]
    space: str
    model: str
    lists: SharedLists  # what trends, as of the start

    @classmethod
    def read(cls, data_dir: Path, models_dir: Path) -> "Corpus":
        """Reads a data directory and its champion."""
        store = SqliteStore.open(data_dir, Settings())
        snapshot = data_dir / "snapshots" / "state"
        state = load(snapshot) if snapshot.exists() else State()
        while records := store.read(state.position, 5_000):
            apply(state, [fact for record in records if (fact := decode(record)) is not None])
            state.position = records[-1].offset
        champion = Registry(models_dir, fingerprint_of).load("champion")
        space = champion.manifest.space
        stored = store.vectors(space)
        index = faiss.IndexFlatIP(stored.values.shape[1])
        index.add(stored.values)
        return cls(
            store,
            state,
            index,
            np.array(stored.rows, np.int32),
            lightgbm.Booster(model_str=champion.model_text),
            champion.manifest.feature_names,
            space,
            champion.reference,
            build(state, _now(), serve_unlisted=False),
        )


class NaiveRanking(rpc.RankingServiceServicer):
    """Ranks each request where it arrives, in the event loop: the work is all processor, so that more tasks at once
    would only take turns.
    """

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus

    async def Rank(self, request: pb.RankRequest, context: Any) -> pb.RankResponse:
        """The user's feed, by score alone."""
        c = self._corpus
        limit = request.limit if request.HasField("limit") else DEFAULT_LIMIT
        records = c.store.user_history(UserId(request.user_id)).records
        known = profile(user_history.apply(NO_HISTORY, records), c.space)
        # As feedrank has it: whole seconds, and the end of a log that has stood still for days.
        now = c.lists.built_at if c.lists.idle else _now() // SECOND * SECOND
        candidates = self._candidates(known, now)
        if not len(candidates):
            return pb.RankResponse(request_id=request.request_id, model_version=c.model)
        asked = request.context
        where = Context(asked.language, asked.country, asked.region, asked.device, asked.session_id)
        rows = compute(gather(c.state, candidates, known, where, now, c.space), c.features)
        scores = np.asarray(c.booster.predict(rows))
        best = np.argsort(-scores)[:limit]
        items = [
            pb.RankedItem(item_id=c.state.catalog.ids[candidates[i]], score=scores[i], position=place + 1)
            for place, i in enumerate(best.tolist())
        ]
        return pb.RankResponse(items=items, request_id=request.request_id, model_version=c.model)

    def _candidates(self, known: Profile, now: Micros) -> I32:
        """Up to CANDIDATES unread rows: nearest to the user's interests first, then what trends."""
        c = self._corpus
        interests = interests_of(near_vectors(c.state, known, c.space), known, now, _three_interests)
        found = c.lists.trending
        if len(interests):
            _, places = c.index.search(interests, NEAREST)
            found = np.concatenate([c.row_of[places[places >= 0]], found])
        _, first = np.unique(found, return_index=True)
        rows = found[np.sort(first)]
        return rows[~np.isin(rows, known.engaged_rows)][:CANDIDATES]


def _three_interests(vectors: F32, weights: F64, hidden: F32, hidden_weights: F64) -> F32:
    return interest_vectors(vectors, weights, hidden, hidden_weights, INTERESTS)


def _now() -> Micros:
    return time.time_ns() // 1_000


async def serve(corpus: Corpus, port: int) -> None:
    """Serves until cancelled; says where on stdout."""
    server = grpc.aio.server()
    rpc.add_RankingServiceServicer_to_server(NaiveRanking(corpus), server)
    told = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(told, server)
    await told.set("", health_pb2.HealthCheckResponse.SERVING)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    typer.echo(f"naive: serving on 127.0.0.1:{bound}")
    await server.wait_for_termination()


@app.command()
def main(
    data_dir: Annotated[Path, typer.Option("--data-dir", help="The data directory.", file_okay=False, exists=True)],
    models_dir: Annotated[Path, typer.Option("--models-dir", help="The registry.", file_okay=False, exists=True)],
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 picks a free one.")] = 0,
) -> None:
    """Read everything, then answer Rank until the process is ended."""
    asyncio.run(serve(Corpus.read(data_dir, models_dir), port))


if __name__ == "__main__":
    app()
