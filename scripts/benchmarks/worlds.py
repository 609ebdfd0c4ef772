"""Benchmark worlds, made once and cached: a data directory with items, users and events, its state snapshot, a ranker.

    .venv/bin/python scripts/benchmarks/worlds.py --items 100000

A world's log is made anew when what makes it has changed, its snapshot and rankers when the fold or a feature has.
Times end when the world was made. Two days later feeds are ranked as of its end (ADR 0009), which costs the same; what
writes to a world wants one that still counts as live, and gets it made anew. Benchmarks run on copies, so that a cached
world stays as it was made. Knows nothing of servers or of what is measured.
"""

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
import world_log
import world_model
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import feedrank
from feedrank.features import NAMES, fingerprint_of
from feedrank.index.encoder import PACKAGED, space_of
from feedrank.registry import Registry
from feedrank.settings import Settings
from feedrank.state.snapshot import save
from feedrank.store import schema
from feedrank.store.sqlite import SqliteStore
from feedrank.types import DAY, F32, Micros

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)

CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "feedrank-bench"
LIVE_FOR: Micros = DAY  # after its end a log counts as live for another day, enough to measure in
TREES = 300
LOG_FILE, DERIVED_FILE, ROWS_FILE, USERS_FILE = "log.json", "derived.json", "rows.npy", "users.txt"
CHAMPION = "champion"
SPACE = space_of(PACKAGED) or ""  # the encoder's own: a served world has nothing left to embed


@dataclass(frozen=True, slots=True)
class WorldSpec:
    """What a world is made of."""

    items: int = 10_000
    users: int = 100_000
    mean_actions: float = 25.0  # slates a user answered, 5 to 200; each is two events
    dimensions: int = 384
    seed: int = 1

    @property
    def folder_name(self) -> str:
        """The world's folder in the cache."""
        return f"i{self.items}-u{self.users}-a{self.mean_actions:g}-d{self.dimensions}-s{self.seed}"


@dataclass(frozen=True, slots=True)
class World:
    """A made world on disk."""

    spec: WorldSpec
    folder: Path

    @property
    def data_dir(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    @property
    def models_dir(self) -> Path:
        """The model registry; its alias "champion" ranks with TREES trees."""
        return self.folder / "models"

    @property
    def users_file(self) -> Path:
        """User ids, one a line."""
        return self.folder / USERS_FILE

    @property
    def end(self) -> Micros:
        """When its log ends."""
        return int(json.loads((self.folder / LOG_FILE).read_text(encoding="utf-8"))["end"])

    @property
    def events(self) -> int:
        """How many events its log holds."""
        return int(json.loads((self.folder / LOG_FILE).read_text(encoding="utf-8"))["events"])

    def users(self) -> list[str]:
        """All user ids."""
        return self.users_file.read_text(encoding="utf-8").split()

    def rows(self) -> F32:
        """Feature rows of its users' candidates, (n, all features) float32."""
        rows: F32 = np.load(self.folder / ROWS_FILE)
        return rows

    def registry(self) -> Registry:
        """The model registry."""
        return Registry(self.models_dir, fingerprint_of)

    def ranker(self, trees: int, seed: int = 1) -> str:
        """NAME@VERSION of another ranker, trained now."""
        return world_model.train(self.registry(), self.rows(), trees, SPACE, seed)


def log_fingerprint(spec: WorldSpec) -> dict[str, Any]:
    """What a world's log follows from, but for when it was made."""
    return {"spec": asdict(spec), "schema": schema.SCHEMA_VERSION, "code": _hash_of([Path(world_log.__file__)])}


def derived_fingerprint() -> dict[str, Any]:
    """What a world's snapshot and rankers follow from beside its log."""
    state = sorted((Path(feedrank.__file__).parent / "state").glob("*.py"))
    features = hashlib.blake2b("".join(f"{n}{fingerprint_of(n, SPACE)}" for n in NAMES).encode(), digest_size=16)
    return {"code": _hash_of([*state, Path(world_model.__file__)]), "features": features.hexdigest(), "trees": TREES}


def is_fresh(kept: dict[str, Any] | None, wanted: dict[str, Any]) -> bool:
    """Whether what a fingerprint file says agrees with what is wanted."""
    return kept is not None and all(kept.get(name) == value for name, value in wanted.items())


def ready(spec: WorldSpec, cache: Path = CACHE, *, live: bool = False) -> World:
    """The world, made or made anew where needed. `live`: its log ended less than LIVE_FOR ago."""
    folder = cache / spec.folder_name
    world = World(spec, folder)
    log = _read(folder / LOG_FILE)
    # Taken before anything is made: code that changes meanwhile is not what made it.
    log_wanted, derived_wanted = log_fingerprint(spec), derived_fingerprint()
    if not is_fresh(log, log_wanted) or (live and log is not None and _now() - log["end"] > LIVE_FOR):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _write(folder / LOG_FILE, {**log_wanted, **_make_log(world)})
    if not is_fresh(_read(folder / DERIVED_FILE), derived_wanted):
        (folder / DERIVED_FILE).unlink(missing_ok=True)
        _derive(world)
        _write(folder / DERIVED_FILE, derived_wanted)
    return world


@contextmanager
def copied(world: World, *, data: bool = True) -> Iterator[World]:
    """A copy to serve and write to, beside the cached one, gone at the end; without `data` its rankers alone."""
    left_out = shutil.ignore_patterns() if data else shutil.ignore_patterns("data")
    with tempfile.TemporaryDirectory(prefix="run-", dir=world.folder.parent) as folder:
        shutil.copytree(world.folder, folder, dirs_exist_ok=True, ignore=left_out)
        yield World(world.spec, Path(folder))


def _make_log(world: World) -> dict[str, int]:
    """Makes items and events; tells when the log ends and how many events it holds."""
    spec, end = world.spec, _now()
    rng = np.random.default_rng(spec.seed)
    store = SqliteStore.open(world.data_dir, Settings())
    try:
        with _progress() as progress:
            catalog = world_log.catalog_of(spec.items, end, rng)
            task = progress.add_task("items", total=spec.items)
            world_log.write_items(store, catalog, SPACE, spec.dimensions, rng, _advance(progress, task))
            slates = world_log.slates_of(catalog, spec.users, spec.mean_actions, end, rng)
            task = progress.add_task("events", total=2 * len(slates.user))
            events = world_log.write_events(store, slates, _advance(progress, task))
    finally:
        store.close()
    world.users_file.write_text("\n".join(f"u{k}" for k in range(spec.users)) + "\n", encoding="utf-8")
    return {"end": end, "events": events}


def _derive(world: World) -> None:
    """Makes the snapshot, sample rows and rankers anew: champion and, under the same name, a twin to swap with."""
    shutil.rmtree(world.models_dir, ignore_errors=True)
    store = SqliteStore.open(world.data_dir, Settings())
    try:
        with _progress() as progress:
            task = progress.add_task("folding", total=store.position())
            live = world_model.fold(store, _advance(progress, task))
        snapshots = world.data_dir / "snapshots"
        snapshots.mkdir(exist_ok=True)
        live.state.co_engaged.compact()  # as a worker does before it writes one
        live.state.regional.compact()
        save(live.state, snapshots / "state")
        users = world.users()
        rows = world_model.sample_rows(store, live.state, users, SPACE, world.end, world.spec.seed)
        np.save(world.folder / ROWS_FILE, rows)
    finally:
        store.close()
    del live
    with Console(stderr=True).status("training"):
        world.ranker(TREES, seed=2)
        world.registry().set_alias(CHAMPION, world.ranker(TREES, seed=1), "benchmark")


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))


def _advance(progress: Progress, task: Any) -> world_log.Progress:
    return lambda done: progress.advance(task, done)


def _hash_of(files: list[Path]) -> str:
    return hashlib.blake2b(b"\0".join(file.read_bytes() for file in files), digest_size=16).hexdigest()


def _read(file: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return found


def _write(file: Path, values: dict[str, Any]) -> None:
    file.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def _now() -> Micros:
    return time.time_ns() // 1_000


@app.command()
def main(
    items: Annotated[int, typer.Option(min=500, help="Items in the catalog.")] = 10_000,
    users: Annotated[int, typer.Option(min=1, help="Users with histories.")] = 100_000,
    mean_actions: Annotated[float, typer.Option(min=5.1, max=199, help="Slates a user answered, mean.")] = 25.0,
    seed: Annotated[int, typer.Option(help="Of the world.")] = 1,
    cache: Annotated[Path, typer.Option(help="Where worlds are kept.", file_okay=False)] = CACHE,
    live: Annotated[bool, typer.Option(help="Make it anew if its log ended more than a day ago.")] = False,
) -> None:
    """Make a world, if the cache does not hold it, and say where it is."""
    started = time.monotonic()
    world = ready(WorldSpec(items, users, mean_actions, seed=seed), cache, live=live)
    console = Console()
    size = sum(file.stat().st_size for file in world.folder.rglob("*") if file.is_file())
    console.print(f"{world.folder}: {world.events:,} events, {size / 1e9:.2f} GB, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    app()
