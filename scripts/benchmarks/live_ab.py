"""A/B tests over real processes where the truth is known: simulated readers ask a served feedrank, which experiments.

Three experiments share a layer. `planted`: a trained ranker against one of noise. `equal`: the trained ranker against
its own twin under another name. `duel`: the trained and the noise ranker draft each feed together. `ab_report.py` then
says of each what the log says: it should find the winner of the first and the third, and none in the second. Knows
nothing of statistics.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import lightgbm
import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from feedrank.client import Client, RankCall
from feedrank.features import fingerprint_of
from feedrank.registry import Registry
from feedrank.registry.golden import synthetic_rows
from feedrank.settings import Settings
from feedrank.simulator import LoggingPolicy, World, WorldSettings, respond, simulate
from feedrank.store.sqlite import SqliteStore
from feedrank.types import DAY, SECOND, Action, Micros

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)

SCRIPTS = Path(__file__).parents[1]
BATCH = 5_000
PATIENCE_S = 60.0  # the machine may be busy: a slow answer is still one
DAYS = 2  # of history before the experiments
EXPERIMENTS = """
[[experiment]]
name = "planted"
salt = "planted-{seed}"
layer = "ranking"
buckets = [0, 4000]
variant = [
  {{ name = "control", weight = 50, model = "{noise}" }},
  {{ name = "better", weight = 50, model = "{trained}" }},
]

[[experiment]]
name = "equal"
salt = "equal-{seed}"
layer = "ranking"
buckets = [4000, 9000]
variant = [
  {{ name = "control", weight = 50, model = "{trained}" }},
  {{ name = "twin", weight = 50, model = "{twin}" }},
]

[[experiment]]
name = "duel"
kind = "interleaving"
salt = "duel-{seed}"
layer = "ranking"
buckets = [9000, 10000]
variant = [
  {{ name = "control", model = "{noise}" }},
  {{ name = "better", model = "{trained}" }},
]
"""


@app.command()
def main(
    users: Annotated[int, typer.Option(min=100, help="Simulated readers.")] = 2_000,
    items: Annotated[int, typer.Option(min=100, help="Simulated articles.")] = 1_000,
    feeds: Annotated[int, typer.Option(min=1, help="Feeds each reader asks for while the experiments run.")] = 2,
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
        run(["train.py", *common, "--name", "trained"])
        names = plant(models, seed)
        text = EXPERIMENTS.format(seed=seed, **names)
        (data_dir / "experiments.toml").write_text(text, encoding="utf-8")
        with served([*common, "--workers", str(workers), "--no-indexer"]) as target:
            asked, ended = drive(target, world, feeds, seed)
        # How many feeds each reader asks for was fixed beforehand, so their end is a planned one.
        horizon = datetime.fromtimestamp(ended // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        figures: dict[str, Any] = {"users": users, "feeds": asked, "seed": seed, **names}
        for experiment in ("planted", "equal", "duel"):
            report, page = folder / f"{experiment}.json", folder / f"{experiment}.html"
            options = ["--experiment", experiment, "--json", str(report), "--report", str(page)]
            run(["ab_report.py", "--data-dir", str(data_dir), "--horizon", horizon, *options])
            figures[experiment] = json.loads(report.read_text(encoding="utf-8"))
    table = Table("experiment", "what the report says")
    for experiment in ("planted", "equal", "duel"):
        table.add_row(experiment, summary(figures[experiment]))
    console.print(table)
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


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


def plant(models: Path, seed: int) -> dict[str, str]:
    """Registers the trained ranker's twin, and a ranker of noise over the same features. Their versions by role."""
    registry = Registry(models, fingerprint_of)
    trained = registry.load("trained")
    features, space = trained.manifest.feature_names, trained.manifest.space
    golden = synthetic_rows(len(features))
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((2_000, len(features)))
    data = lightgbm.Dataset(rows, (rng.random(2_000) < 0.3).astype(int), group=[20] * 100)
    params = {"objective": "lambdarank", "num_leaves": 15, "verbose": -1, "num_threads": 1, "seed": seed}
    noise = lightgbm.train(params, data, num_boost_round=30).model_to_string()
    return {
        "trained": trained.reference,
        "twin": registry.publish("twin", trained.model_text, features, space, golden),
        "noise": registry.publish("noise", noise, features, space, golden),
    }


def drive(target: str, world: World, feeds: int, seed: int) -> tuple[int, Micros]:
    """Every reader asks for feeds and answers them as the world's truth has it; how many were served, until when."""
    rng = np.random.default_rng([seed, 99])
    read: dict[int, set[int]] = defaultdict(set)
    served, now = 0, 0
    with Client(target) as client:
        client.wait_until_serving()
        for number in track(range(feeds), "sessions", transient=True):
            for user in track(rng.permutation(len(world.user_ids)).tolist(), f"session {number + 1}", transient=True):
                user_id, session = world.user_ids[user], f"live-{number}-{user}"
                call = RankCall(user_id=user_id, context=world.context(user, session))
                feed = client.rank(call, timeout_s=PATIENCE_S)
                now = time.time_ns() // 1_000
                slate = [item.item_id for item in feed.items]
                answer = respond(
                    world,
                    rng,
                    user_id,
                    slate,
                    now,
                    request_id=feed.request_id,
                    session_id=session,
                    read_stories=read[user],
                )
                told = [replace(event, time=0) for event in answer]  # reading takes no real time here
                client.record_events(told, timeout_s=PATIENCE_S)
                clicked = [world.item_number(e.item_id) for e in answer if e.action is Action.CLICK]
                read[user] |= set(world.articles.story[clicked].tolist())
                served += 1
    return served, now


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
