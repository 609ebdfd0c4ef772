"""A/B tests over real processes where the truth is known: simulated readers ask a served feedrank, which experiments.

Three experiments share a layer. `planted`: a trained ranker against one of noise. `equal`: the trained ranker against
its own twin under another name. `duel`: the trained and the noise ranker draft each feed together. `ab_report.py` then
says of each what the log says: it should ship the winner of the first, find none in the second, and name the preferred
one in the third; where it does not, this ends with exit code 1. With --no-train, for a test of a minute, rankers by
popularity and by its reverse stand for them. Knows nothing of statistics.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from planted_rankers import plant_noise, plant_popular
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from feedrank.client import Client, RankCall
from feedrank.features import fingerprint_of
from feedrank.registry import Registry
from feedrank.settings import Settings
from feedrank.simulator import LoggingPolicy, World, WorldSettings, respond, simulate
from feedrank.store.sqlite import SqliteStore
from feedrank.types import DAY, SECOND, Action, Micros

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)

SCRIPTS = Path(__file__).parents[1]
BATCH = 5_000
CALLERS = 2  # readers at a time
PATIENCE_S = 60.0  # the machine may be busy: a slow answer is still one
DAYS = 2  # of history before the experiments
EXPERIMENTS = """
[[experiment]]
name = "planted"
salt = "planted-{seed}"
layer = "ranking"
buckets = [0, 4500]
variant = [
  {{ name = "control", weight = 50, model = "{worse}" }},
  {{ name = "better", weight = 50, model = "{better}" }},
]

[[experiment]]
name = "equal"
salt = "equal-{seed}"
layer = "ranking"
buckets = [4500, 9000]
variant = [
  {{ name = "control", weight = 50, model = "{better}" }},
  {{ name = "twin", weight = 50, model = "{twin}" }},
]

[[experiment]]
name = "duel"
kind = "interleaving"
salt = "duel-{seed}"
layer = "ranking"
buckets = [9000, 10000]
variant = [
  {{ name = "control", model = "{worse}" }},
  {{ name = "better", model = "{better}" }},
]
"""

# Chosen beforehand, as a team would: all of it happens on one day, so nobody can say who comes back the next; and how
# often readers ask is fixed, whatever they are shown.
METRICS = """
[[metric]]
name = "sessions_per_user"
title = "Sessions per user"
numerator = "sessions"

[[metric]]
name = "return_next_day"
title = "Days that are followed by another"
numerator = "returns"
denominator = "active_days"
"""
# What the few readers of a test can show of guardrails: not six hides more in 1,000 items seen, not a third less of
# diversity, which following readers' categories takes some of, and not a tenth of a second more on a machine that runs
# other tests meanwhile.
OF_A_TEST = """
[[metric]]
name = "hides_per_view"
title = "Hides of what was seen"
numerator = "hides"
denominator = "views"
direction = "down"
role = "guardrail"
margin = 0.25
absolute_margin = 0.006

[[metric]]
name = "diversity"
title = "Diversity of a slate"
numerator = "diversity"
denominator = "categorised"
role = "guardrail"
margin = 0.33

[[metric]]
name = "latency_ms"
title = "Time to make a feed, ms"
numerator = "rank_ms"
denominator = "timed"
direction = "down"
role = "guardrail"
margin = 0.1
absolute_margin = 100.0
"""


@app.command()
def main(
    users: Annotated[int, typer.Option(min=100, help="Simulated readers.")] = 1_200,
    items: Annotated[int, typer.Option(min=100, help="Simulated articles.")] = 600,
    feeds: Annotated[int, typer.Option(min=1, help="Feeds each reader asks for while the experiments run.")] = 4,
    train: Annotated[
        bool, typer.Option(help="Train a ranker on the simulated past, or plant one by popularity.")
    ] = True,
    workers: Annotated[int, typer.Option(min=1, help="Of the service.")] = 2,
    seed: Annotated[int, typer.Option(help="Of the world, its readers and the salts.")] = 11,
    keep: Annotated[Path | None, typer.Option(help="Leave data and reports here.", file_okay=False)] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here, for machines.")] = None,
) -> None:
    """Simulate a past, train on it, serve with three experiments, let readers read, and report on each."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="feedrank-live-ab-") as scratch:
        folder = keep or Path(scratch)
        data_dir, models = folder / "data", folder / "models"
        now = time.time_ns() // 1_000
        start = now // DAY * DAY - (DAYS - 1) * DAY
        with console.status("simulating a past"):
            world = World.build(WorldSettings(users=users, items=items, days=DAYS, seed=seed, start=start))
            fill(data_dir, world, now)
        common = ["--data-dir", str(data_dir), "--models-dir", str(models)]
        registry = Registry(models, fingerprint_of)
        if train:
            run(["train.py", *common, "--name", "trained"])
            names = plant_noise(registry, seed)
        else:
            names = plant_popular(registry, seed)
        text = EXPERIMENTS.format(seed=seed, **names)
        (data_dir / "experiments.toml").write_text(text, encoding="utf-8")
        with served([*common, "--workers", str(workers), "--no-indexer"]) as target:
            asked, empty, ended = drive(target, world, feeds, seed)
        # How many feeds each reader asks for was fixed beforehand, so their end is a planned one.
        horizon = datetime.fromtimestamp(ended / SECOND, UTC).isoformat()
        (folder / "metrics.toml").write_text(METRICS if train else METRICS + OF_A_TEST, encoding="utf-8")
        common = ["--data-dir", str(data_dir), "--horizon", horizon, "--metrics", str(folder / "metrics.toml")]
        figures: dict[str, Any] = {
            "users": users,
            "feeds": asked,
            "empty": empty,
            "seed": seed,
            "experiments": text,
            **names,
        }
        for experiment in RIGHT:
            report = folder / f"{experiment}.json"
            page = [] if keep is None else ["--report", str(folder / f"{experiment}.html")]
            run(["ab_report.py", *common, "--experiment", experiment, "--json", str(report), *page])
            figures[experiment] = json.loads(report.read_text(encoding="utf-8"))
    table = Table("experiment", "what the report says", "right")
    right = {experiment: is_right(figures[experiment]) for experiment, is_right in RIGHT.items()}
    for experiment, so in right.items():
        table.add_row(experiment, summary(figures[experiment]), "yes" if so else "NO")
    console.print(table)
    if json_file is not None:
        json_file.write_text(json.dumps({**figures, "right": right}, indent=2) + "\n", encoding="utf-8")
    if not all(right.values()):
        raise typer.Exit(1)


def ships(report: dict[str, Any]) -> bool:
    """Whether the planted winner is shipped at the planned end."""
    (verdict,) = report["verdicts"].values()
    return bool(report["final"] and verdict["decision"] == "ship")


def finds_none(report: dict[str, Any]) -> bool:
    """Whether of two equal ones nothing is found: neither better nor worse, nothing broken."""
    (verdict,) = report["verdicts"].values()
    ctr = next(r for r in report["readings"] if r["metric"] == "ctr")
    return bool(report["final"] and verdict["decision"] == "do not ship" and ctr["p_adjusted"] > ALPHA)


def prefers(report: dict[str, Any]) -> bool:
    """Whether readers are shown to prefer the better one at the planned end."""
    return bool(report["final"] and report["preference"]["favoured"] == 1)


ALPHA = 0.05
RIGHT: dict[str, Callable[[dict[str, Any]], bool]] = {"planted": ships, "equal": finds_none, "duel": prefers}


def fill(data_dir: Path, world: World, now: Micros) -> None:
    """Writes the past into a data directory as an import."""
    store = SqliteStore.open(data_dir, Settings())
    items = [item for item in world.items() if item.published_at < now]
    events = [event for event in simulate(world, LoggingPolicy(world)) if event.time < now]
    for first in range(0, len(items), BATCH):
        store.append_items(items[first : first + BATCH], None)
    store.append_users(list(world.users()), now)
    for first in range(0, len(events), BATCH):
        store.append_events(events[first : first + BATCH], None)
    store.close()


def drive(target: str, world: World, feeds: int, seed: int) -> tuple[int, int, Micros]:
    """Every reader asks for feeds and answers them as the world's truth has it; how many were asked for, how many were
    empty, and until when.

    One reader comes once more after that end, so that the log reaches beyond it.
    """
    read: dict[int, set[int]] = defaultdict(set)
    order, filled = np.random.default_rng([seed, 99]), 0
    with Client(target, connections=CALLERS) as client, Progress(transient=True) as progress:
        client.wait_until_serving()
        bar = progress.add_task("feeds", total=feeds * len(world.user_ids) + 1)

        def visit(number: int, user: int) -> bool:
            rng = np.random.default_rng([seed, number, user])
            user_id, session = world.user_ids[user], f"live-{number}-{user}"
            feed = client.rank(RankCall(user_id=user_id, context=world.context(user, session)), timeout_s=PATIENCE_S)
            progress.advance(bar)
            now, slate = time.time_ns() // 1_000, [item.item_id for item in feed.items]
            if not slate:  # a small world has nothing left that this reader has not seen
                return False
            known = {"request_id": feed.request_id, "session_id": session}
            answer = respond(world, rng, user_id, slate, now, read_stories=read[user], **known)
            told = [replace(event, time=0) for event in answer]  # reading takes no real time here
            client.record_events(told, timeout_s=PATIENCE_S)
            clicked = [world.item_number(e.item_id) for e in answer if e.action is Action.CLICK]
            read[user] |= set(world.articles.story[clicked].tolist())
            return True

        with ThreadPoolExecutor(CALLERS) as pool:
            for number in range(feeds):
                users = order.permutation(len(world.user_ids)).tolist()
                filled += sum(pool.map(visit, [number] * len(users), users))
        ended = time.time_ns() // 1_000
        visit(feeds, 0)
    asked = feeds * len(world.user_ids)
    return asked, asked - filled, ended


def summary(report: dict[str, Any]) -> str:
    """The report's verdicts, and of an interleaving experiment who is preferred."""
    lines = [verdict["sentence"] for verdict in report["verdicts"].values()]
    liked = report["preference"]
    if liked is not None:
        lines.append(
            f"{liked['prefer_challenger']} prefer 'better', {liked['prefer_control']} 'control', "
            f"{liked['prefer_neither']} neither (sign test p = {liked['p_value']:.2g})"
        )
    return "\n".join(lines)


def run(command: Sequence[str]) -> None:
    """A script in a process of its own; ends here if it fails."""
    script, *options = command
    subprocess.run([sys.executable, str(SCRIPTS / script), *options], check=True)


@contextmanager
def served(options: Sequence[str]) -> Iterator[str]:
    """A served feedrank on a free port; gives its HOST:PORT and stops it by SIGTERM, which writes its last slates."""
    command = [sys.executable, "-m", "feedrank", "serve", *options, "--port", "0", "--log-level", "warning"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield server.stdout.readline().split()[-1]
    finally:
        server.terminate()
        server.wait(60)


if __name__ == "__main__":
    app()
