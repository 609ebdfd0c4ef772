"""The whole life of a feed in one sitting: a simulated news world, from its log to a personalised feed and back.

Everything is the real thing: the store, the encoder, training, a served process, gRPC. Only the readers are made up, so
it is known what they like. Knows nothing that a user of feedrank could not do with the same commands.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, TypeVar

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from feedrank.client import Client, Feed, RankCall
from feedrank.settings import Settings
from feedrank.simulator import LoggingPolicy, Truth, World, WorldSettings, simulate
from feedrank.store.sqlite import SqliteStore
from feedrank.types import DAY, HOUR, SECOND, Action, Event, Micros, UserId

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)
console = Console()
if not console.is_terminal:
    console = Console(width=140)  # a pipe or a file has room for the tables
T = TypeVar("T")

SCRIPTS = Path(__file__).parent
SHOWN = 8  # places of a feed that are printed
JUDGED_HOURS = 24  # the last day is held out
BATCH = 5_000


@app.command()
def main(
    users: Annotated[int, typer.Option(min=10, help="Simulated readers.")] = 300,
    items: Annotated[int, typer.Option(min=100, help="Simulated articles.")] = 1_200,
    days: Annotated[int, typer.Option(min=3, help="Days of log before now.")] = 5,
    seed: Annotated[int, typer.Option(help="Of the world.")] = 7,
    keep: Annotated[
        Path | None, typer.Option(help="Leave the data directory here, for a look.", file_okay=False)
    ] = None,
) -> None:
    """Simulate, import, embed, train, evaluate, serve, rank, click, rank again, stop."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="feedrank-demo-") as scratch:
        folder = keep or Path(scratch)
        data_dir, models = folder / "data", folder / "models"
        now = time.time_ns() // 1_000
        start = now // DAY * DAY - (days - 1) * DAY
        with step(f"Simulating {users} readers and {items:,} articles over {days} days"):
            world = World.build(WorldSettings(users=users, items=items, days=days, seed=seed, start=start))
            events = [event for event in simulate(world, LoggingPolicy(world)) if event.time < now]
        with step(f"Importing {len(events):,} events into the log"):
            fill(data_dir, world, events, now)
        split = format_time(now - JUDGED_HOURS * HOUR)
        common = ["--data-dir", str(data_dir), "--models-dir", str(models)]
        run(
            "Embedding the articles",
            [sys.executable, "-m", "feedrank", "index", "--once", *common, "--log-level", "warning"],
        )
        run(
            "Training a ranker on all but the last day", script("train.py", *common, "--name", "demo", "--until", split)
        )
        run(
            "Judging it on the last day, beside simpler ways",
            script("evaluate.py", *common, "--model", "demo", "--from", split),
        )
        with served(common) as target, Client(target) as client:
            tell(client, world, events)
    left = f"in {keep}" if keep else "gone"
    console.print(f"\n[bold]Done in {time.monotonic() - begun:.0f} s.[/] The service has stopped; its log is {left}.")
    console.print("Your own articles and readers: see README.md, “Use it” and “Train on your own log”.")


def fill(data_dir: Path, world: World, events: Sequence[Event], now: Micros) -> None:
    """Writes the world into a data directory as an import: items and events at their own times, users as of now."""
    store = SqliteStore.open(data_dir, Settings())
    for items in batches(item for item in world.items() if item.published_at < now):
        store.append_items(items, None)
    for users in batches(world.users()):
        store.append_users(users, now)
    for batch in batches(events):
        store.append_events(batch, None)
    store.close()


def tell(client: Client, world: World, events: Sequence[Event]) -> None:
    """Ranks for two readers of different tastes and for a newcomer, clicks, and shows what changes."""
    titles = {str(item.item_id): (item.title, item.category) for item in world.items()}
    first, second = contrast(world, events)
    for user in (first, second):
        call = RankCall(user_id=world.user_ids[user], context=world.context(user), explain=True)
        show(f"{world.user_ids[user]}, who likes {tastes(world, user)}", client.rank(call), titles)
    show(
        "a newcomer of whom nothing is known",
        client.rank(RankCall(user_id="newcomer", context=world.context(first), explain=True)),
        titles,
    )

    call = RankCall(user_id=world.user_ids[first], context=world.context(first), explain=True)
    before = client.rank(call)
    liked = {titles[item.item_id][1] for item in before.items[:3]}
    clicked = next((item for item in before.items if titles[item.item_id][1] not in liked), before.items[-1])
    title, category = titles[clicked.item_id]
    console.print(f"\n[bold]{call.user_id} now reads[/] place {clicked.position} for 95 s: “{title}” ({category})")
    moment, user_id, slate = time.time_ns() // 1_000, UserId(call.user_id), before.request_id
    seen = tuple(item.item_id for item in before.items)
    chosen = clicked.item_id
    client.record_events(
        [
            Event("", user_id, moment, Action.VIEW, item_ids=seen, request_id=slate),
            Event("", user_id, moment, Action.CLICK, chosen, position=clicked.position, request_id=slate),
            Event("", user_id, moment + SECOND, Action.DWELL, chosen, value=95.0, request_id=slate),
        ]
    )
    show(f"{call.user_id}, after that click", client.rank(call), titles, before)


def contrast(world: World, events: Sequence[Event]) -> tuple[int, int]:
    """Two readers with a history whose tastes differ most, by the truth of the world."""
    reads = np.zeros(len(world.user_ids), np.int64)
    for event in events:
        if event.action == Action.CLICK:
            reads[world.user_number(event.user_id)] += 1
    reads[[world.context(user).language != "en" for user in range(len(reads))]] = -1  # so that one can read along
    active = np.argsort(-reads, kind="stable")[: max(len(reads) // 8, 2)]
    truth, now = Truth(world), events[-1].time
    interests = np.stack([truth.interests(int(user), now) for user in active])
    interests -= interests.mean(axis=1, keepdims=True)
    interests /= np.linalg.norm(interests, axis=1, keepdims=True)
    likeness = interests @ interests.T
    a, b = np.unravel_index(np.argmin(likeness), likeness.shape)
    return int(active[a]), int(active[b])


def tastes(world: World, user: int) -> str:
    """The reader's three favourite subcategories, by the truth of the world."""
    interests = Truth(world).interests(user, world.settings.until)
    names = [world.lexicon.subcategories[int(k)].name for k in np.argsort(-interests)[:3]]
    return ", ".join(names[:-1]) + " and " + names[-1]


def show(title: str, feed: Feed, titles: dict[str, tuple[str, str]], before: Feed | None = None) -> None:
    """The first places of a feed as a table; beside `before`, where each item stood."""
    table = Table(title=f"\nFeed of {title}", title_justify="left", title_style="bold")
    for name in ("", "title", "category", "score", "sources", "because"):
        table.add_column(name, overflow="fold")
    stood = {item.item_id: item.position for item in before.items} if before else {}
    for item in feed.items[:SHOWN]:
        text, category = titles[item.item_id]
        place = str(item.position)
        if before is not None:
            place += " [green]new[/]" if item.item_id not in stood else f" (was {stood[item.item_id]})"
        reasons = item.explanation.reasons if item.explanation else ()
        table.add_row(place, text, category, f"{item.score:.2f}", " ".join(item.sources), "; ".join(reasons[:2]))
    console.print(table)


def batches(things: Iterable[T]) -> Iterator[list[T]]:
    """Lists of up to BATCH."""
    rest = iter(things)
    while batch := list(islice(rest, BATCH)):
        yield batch


@contextmanager
def step(title: str) -> Iterator[None]:
    """A step of this process: says what it does and how long it took."""
    begun = time.monotonic()
    with console.status(title):
        yield
    console.print(f"[bold]{title}[/] [dim]({time.monotonic() - begun:.0f} s)[/]")


def run(title: str, command: list[str]) -> None:
    """A step in a process of its own: shows the command, and ends the demo if it fails."""
    shown = " ".join("python" if part == sys.executable else part for part in command)
    console.print(f"[bold]{title}[/]\n[dim]$ {shown}[/]")
    done = subprocess.run(command, check=False)
    if done.returncode != 0:
        console.print(f"[red]{title} failed with exit code {done.returncode}; see above.[/]")
        raise typer.Exit(1)


def script(name: str, *options: str) -> list[str]:
    """The command of a script beside this one."""
    return [sys.executable, str(SCRIPTS / name), *options]


@contextmanager
def served(options: Sequence[str]) -> Iterator[str]:
    """A served feedrank on a free port; gives its HOST:PORT and stops it by SIGTERM."""
    command = [sys.executable, "-m", "feedrank", "serve", *options, "--port", "0", "--log-level", "warning"]
    console.print(f"[bold]Serving[/]\n[dim]$ {' '.join(['python', *command[1:]])}[/]")
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        console.print(line.strip(), highlight=False)
        if not line.startswith("feedrank is serving on "):
            raise typer.Exit(1)
        yield line.split()[-1]
    finally:
        server.terminate()
        code = server.wait(60)
    if code != 0:
        console.print(f"[red]the service ended with exit code {code}[/]")
        raise typer.Exit(1)


def format_time(time_us: Micros) -> str:
    """ISO, UTC, to the second."""
    return datetime.fromtimestamp(time_us // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S")


if __name__ == "__main__":
    app()
