"""Measures how soon what happened shows: a click in its user's next feed, on any worker; a new article as a candidate.

    .venv/bin/python scripts/benchmarks/freshness.py --items 10000

A click is acknowledged, and the user's feed is asked for at once over many connections, so that every worker answers:
the article clicked must be gone from it. An article is upserted as text, and Debug, which runs a reader's feed, is
asked until the interest source, which knows nothing but vectors, brings it: the real indexer and encoder lie between.
Knows nothing of how either comes about.
"""

import time
from collections.abc import Sequence
from typing import Annotated, Any

import bench
import grpc
import numpy as np
import servers
import typer
import worlds
from rich.progress import track
from traffic import WORDS

from feedrank.client import Action, Client, Event, Item, RankCall
from feedrank.loadtest.generator import RANK
from feedrank.types import ItemId, UserId
from feedrank.v1 import feedrank_pb2 as pb

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)

CONNECTIONS = 12  # the chance that all of them land on one of two workers is one in two thousand
GIVE_UP_S = 30.0
ENCODER_S = 600.0
READER = UserId("freshness-reader")  # has read nothing but what this benchmark wrote
ANCHORS = 3  # articles the reader clicks first, near which the new ones lie
ASK_EVERY_S = 0.01


@app.command()
def main(
    items: bench.Items = 10_000,
    users: bench.Users = 100_000,
    workers: Annotated[int, typer.Option(min=1, help="Of feedrank.")] = 2,
    clicks: Annotated[int, typer.Option(min=1, help="Clicks to follow.")] = 200,
    articles: Annotated[int, typer.Option(min=1, help="New articles to follow.")] = 30,
    cache: bench.Cache = bench.CACHE,
    json_file: bench.JsonFile = None,
) -> None:
    """Milliseconds from a click and from a new article until they show, from their acknowledgement and from sending."""
    machine = bench.Machine()
    world = worlds.ready(worlds.WorldSpec(items, users), cache, live=True)
    with worlds.copied(world) as copy, servers.served(copy, workers=workers, indexer=True) as server:
        servers.wait_for_encoder(server.target, ENCODER_S)
        followed_clicks = follow_clicks(server.target, copy.users(), clicks)
        followed_articles = follow_articles(server.target, articles)
    figures: dict[str, Any] = {}
    for name, rows in (("click", followed_clicks), ("article", followed_articles)):
        for what in rows[0]:
            values = [row[what] for row in rows]
            for q in (50, 90, 99):
                figures[f"{name}: {what}, p{q}"] = float(np.percentile(values, q))
    shown = [row["ms after the acknowledgement"] == 0.0 for row in followed_clicks]
    figures["click: share seen by every very next feed"] = float(np.mean(shown))
    details = {"clicks": followed_clicks, "articles": followed_articles, "items": items, "workers": workers}
    bench.publish(f"freshness with {workers} workers, {items:,} items", figures, machine, json_file, details)


def follow_clicks(target: str, users: Sequence[str], count: int) -> list[dict[str, float]]:
    """Clicks the first article of a user's feed, and asks for feeds over every connection until all are without it."""
    drawn = np.random.default_rng(3).choice(users, min(count, len(users)), replace=False).tolist()
    channels = [grpc.insecure_channel(target, [("grpc.use_local_subchannel_pool", 1)]) for _ in range(CONNECTIONS)]
    asks: list[grpc.UnaryUnaryMultiCallable[bytes, bytes]] = [channel.unary_unary(RANK) for channel in channels]
    found = []
    try:
        for channel in channels:
            grpc.channel_ready_future(channel).result(GIVE_UP_S)
        with Client(target, connections=1) as client:
            for user in track(drawn, "clicks", console=bench.err):
                request = pb.RankRequest(user_id=user, dry_run=True).SerializeToString()
                clicked = pb.RankResponse.FromString(asks[0](request)).items[0].item_id
                sent = time.perf_counter()
                client.record_events([Event("", UserId(user), 0, Action.CLICK, clicked)])
                found.append(_until_gone(asks, request, clicked, sent))
    finally:
        for channel in channels:
            channel.close()
    return found


def _until_gone(
    asks: "Sequence[grpc.UnaryUnaryMultiCallable[bytes, bytes]]", request: bytes, item_id: str, sent: float
) -> dict[str, float]:
    """Times until as many feeds in a row as there are connections are without the item. RuntimeError if none is."""
    acknowledged = time.perf_counter()
    first_sent = first_told = 0.0
    in_a_row, turn = 0, 0
    while in_a_row < len(asks):
        asked = time.perf_counter()
        if asked - acknowledged > GIVE_UP_S:
            raise RuntimeError(f"{item_id} is still in the feed {GIVE_UP_S:g} s after its click")
        reply = pb.RankResponse.FromString(asks[turn % len(asks)](request))
        turn += 1
        if any(item.item_id == item_id for item in reply.items):
            in_a_row = 0
            continue
        if not in_a_row:
            first_sent, first_told = (acknowledged if turn == 1 else asked), time.perf_counter()
        in_a_row += 1
    return {
        "ms after the acknowledgement": (first_sent - acknowledged) * 1e3,
        "ms from sending it to a feed without it": (first_told - sent) * 1e3,
    }


def follow_articles(target: str, count: int) -> list[dict[str, float]]:
    """Upserts articles near to what one reader reads, one by one, and asks until the interest source brings each."""
    found = []
    rng = np.random.default_rng(time.time_ns())
    with Client(target, connections=1) as client:
        topic = " ".join(rng.choice(WORDS, 12, replace=False).tolist())
        run = f"{time.time_ns():x}"
        anchors = [_article(f"anchor-{run}-{k}", topic, rng) for k in range(ANCHORS)]
        client.upsert_items(anchors)
        servers.wait_for_encoder(target, ENCODER_S)
        client.record_events([Event("", READER, 0, Action.CLICK, anchor.item_id) for anchor in anchors])
        for k in track(range(count), "articles", console=bench.err):
            article = _article(f"new-{run}-{k}", topic, rng)
            sent = time.perf_counter()
            client.upsert_items([article])
            acknowledged = time.perf_counter()
            brought = _until_brought(client, article.item_id, acknowledged)
            found.append(
                {
                    "ms after the acknowledgement": (brought - acknowledged) * 1e3,
                    "ms from sending it": (brought - sent) * 1e3,
                }
            )
    return found


def _article(item_id: str, topic: str, rng: np.random.Generator) -> Item:
    """An article of the topic in its own words: near enough to be an interest, too far to be the same story."""
    own = " ".join(rng.choice(WORDS, 10).tolist())
    title, body = f"{topic[:40]} {own[:20]}", f"{topic} {own}"
    return Item(ItemId(item_id), title=title, body=body, category="c0", subcategory="t0")


def _until_brought(client: Client, item_id: str, since: float) -> float:
    """When a feed of the reader first had the item from the interest source. RuntimeError if none has."""
    while True:
        stages = client.debug(RankCall(user_id=READER, dry_run=True), item_id)
        told = time.perf_counter()
        if any(stage.stage == "sources" and "interest at" in stage.detail for stage in stages):
            return told
        if told - since > GIVE_UP_S:
            raise RuntimeError(f"{item_id} is no candidate {GIVE_UP_S:g} s after its upsert: {stages}")
        time.sleep(ASK_EVERY_S)


if __name__ == "__main__":
    app()
