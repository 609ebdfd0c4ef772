"""Experiments over real processes: two workers take up one file, assign alike, fall back honestly, and stop at once."""

import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from feedrank.client import Client, Context, Feed, InvalidInput, Item, ItemId, Personalization, RankCall
from feedrank.experiments.assignment import Subject, assign
from feedrank.experiments.document import experiments_hash, parse_experiments
from feedrank.experiments.exposures import exposures_of, variants_of
from feedrank.features import NAMES, compute
from feedrank.records import ExperimentsChanged, Fact, decode
from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.training.replay import replay_slates
from feedrank.v1 import log_pb2

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "experiments.md"
ITEMS = 40
USERS = [f"u{k}" for k in range(30)]
PATIENCE_S = 60.0  # of whatever the machine does meanwhile: what is waited for ends the wait


def experiment(model: str, head: str = "", salt: str = "ranker-7") -> str:
    return f"""
[[experiment]]
name = "ranker-7"
salt = "{salt}"
layer = "ranking"
{head}
variant = [
  {{ name = "control", weight = 50 }},
  {{ name = "new", weight = 50, model = "{model}", settings = {{ quotas = {{ fresh = 30 }} }} }},
]

[[experiment]]
name = "explore"
salt = "explore-1"
layer = "exploration"
unit = "session"
variant = [
  {{ name = "off", weight = 50, settings = {{ selector.explore = 0.0 }} }},
  {{ name = "pl", weight = 50, settings = {{ selector.exploration = "plackett-luce", selector.explore_from = 1 }} }},
]
"""


def wait_for(condition, timeout_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.05)


def fill(client: Client) -> None:
    now = time.time_ns() // 1_000
    client.upsert_items([Item(ItemId(f"i{k}"), title=f"t {k}", published_at=now - k * 10**7) for k in range(ITEMS)])
    wait_for(lambda: all(len(f.items) == ITEMS for f in ask(client, ["x"] * 8)))


def ask(client: Client, users: list[str], **call):
    """Feeds over all of the client's connections, so of both workers."""
    return [rank(client, RankCall(user_id=u, limit=ITEMS, **{"dry_run": True, **call})) for u in users]


def rank(client: Client, call: RankCall) -> Feed:
    """The feed, however long a busy machine takes; the client's own two seconds are for readers."""
    return client.rank(call, timeout_s=PATIENCE_S)


def local(text: str, user: str, session: str = "", request: str = "") -> dict[str, str]:
    subject = Subject(user, session, request, Context(), lambda: True)
    return variants_of(assign(parse_experiments(text), subject, time.time_ns() // 1_000, {}))


def slates_of(data_dir: Path, expected: int) -> tuple[list[log_pb2.Slate], list[Fact]]:
    store = SqliteStore.open(data_dir, Settings())
    wait_for(lambda: sum(1 for _ in store.slates(0, 2**62)) >= expected)  # they are written behind the reply
    slates = [log_pb2.Slate.FromString(s.body) for s in store.slates(0, 2**62)]
    facts = [fact for record in store.read(0, 10**6) if (fact := decode(record)) is not None]
    store.close()
    return slates, facts


def test_a_file_is_taken_up_ruled_by_and_killed_without_a_restart(serve, tmp_path: Path, register_model) -> None:
    data_dir, models = tmp_path / "data", tmp_path / "models"
    model = register_model(models, "news", NAMES[:12], "")
    target = serve(data_dir, "--workers", "2", "--no-indexer", models_dir=models)
    file = data_dir / "experiments.toml"
    text = experiment(model)
    with Client(target) as client:
        fill(client)
        assert rank(client, RankCall("u0")).variants == {}
        file.write_text(text)
        wait_for(lambda: all(f.variants for f in ask(client, ["u0"] * 8)))

        # Both workers assign as anybody can compute, and what is assigned is what ranks.
        for user, feed in zip(USERS, ask(client, USERS, context=Context(session_id="s1"), dry_run=False), strict=True):
            assert feed.variants == local(text, user, "s1") and not feed.degraded
            assert feed.model_version == (model if feed.variants["ranker-7"] == "new" else "prior")
        assert {f.model_version for f in ask(client, USERS)} == {model, "prior"}
        drawn = {}
        for k in range(12):
            feed = rank(client, RankCall("u1", context=Context(session_id=f"s{k}"), dry_run=True))
            drawn[feed.variants["explore"]] = any(item.propensity < 1 for item in feed.items)
        assert drawn == {"off": False, "pl": True}

        # Whoever may not be known goes by session, or by request: the pages of one feed together.
        off = rank(
            client, RankCall("u3", context=Context(session_id="s9"), personalization=Personalization.OFF, dry_run=True)
        )
        assert off.variants == local(text, "", "s9")
        for page in client.rank_pages(RankCall(limit=20, request_id="nobody", dry_run=True), timeout_s=PATIENCE_S):
            assert page.variants == local(text, "", "", "nobody")

        # Quality assurance asks for variants by name.
        for variant, version in (("new", model), ("control", "prior")):
            call = RankCall("u5", experiment_overrides={"ranker-7": variant}, request_id=f"qa-{variant}")
            feed = rank(client, call)
            assert (feed.variants["ranker-7"], feed.model_version) == (variant, version)
        for overrides, says in (({"nope": "new"}, "'nope'"), ({"ranker-7": "nope"}, "'nope'")):
            with pytest.raises(InvalidInput, match=says):
                rank(client, RankCall("u5", experiment_overrides=overrides))

        (example,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
        code = example.replace("127.0.0.1:50051", target)
        told: list[subprocess.CompletedProcess[str]] = []

        def answered() -> bool:  # the example gives up on a feed after two seconds, and is then asked again
            told.append(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False))
            assert "DeadlineExceeded" in told[-1].stderr or not told[-1].returncode, told[-1].stderr
            return not told[-1].returncode

        wait_for(answered)
        assert "'ranker-7': 'new'" in told[-1].stdout and model in told[-1].stdout
        assert "explore running" in told[-1].stdout

        # A file that would break what runs changes nothing and is told.
        for broken, says in (
            (experiment(model, salt="other"), "its salt changed"),
            (experiment(model).replace("weight = 50", "weight = 40"), "weights sum to 80"),
            (text + experiment("news@20200101T000000000000-00000000").replace("ranker-7", "x"), "two experiments"),
            (
                text + '[[shadow]]\nname = "s"\nmodel = "news@20200101T000000000000-00000000"',
                "shadow 's' names a model that is not registered",
            ),
        ):
            file.write_text(broken)
            wait_for(lambda says=says: any(says in reason for reason in client.status().degraded_reasons))
            for feed in ask(client, ["u7"] * 6, request_id="r7"):
                assert feed.variants == local(text, "u7", request="r7")

        # The kill switch: nobody takes part any more, in either worker.
        file.write_text(experiment(model, head="enabled = false"))
        wait_for(lambda: not any("ranker-7" in f.variants for f in ask(client, USERS[:8] * 2)))
        assert {f.model_version for f in ask(client, USERS)} == {"prior"}
        wait_for(lambda: not client.status().degraded_reasons or "indexer" in client.status().degraded_reasons[0])
        assert {(e.name, e.state) for e in client.status().experiments} == {
            ("ranker-7", "killed"),
            ("explore", "running"),
        }
        with pytest.raises(InvalidInput, match="killed"):
            rank(client, RankCall("u5", experiment_overrides={"ranker-7": "new"}))

    slates, facts = slates_of(data_dir, 1 + len(USERS) + 3)
    ruled = {fact.hash: fact for fact in facts if isinstance(fact, ExperimentsChanged)}
    assert [fact.toml for fact in ruled.values()] == [text, experiment(model, head="enabled = false")]
    versions = {experiments_hash(""): ""} | {digest: fact.toml for digest, fact in ruled.items()}
    assert all(0 < slate.rank_us < PATIENCE_S * 1e6 for slate in slates)  # each says how long it took
    for slate in slates:  # the log says by which definitions each slate was made, and that they came before it
        exposures = exposures_of(slate)
        assert dict(slate.variants) == variants_of(exposures)
        if any(e.overridden for e in exposures):  # by this test, or by the guide's example
            by_name = {e.experiment: e for e in exposures}
            assert by_name["ranker-7"].overridden and not by_name["ranker-7"].clean and by_name["explore"].clean
        elif slate.experiments_hash in ruled:
            definition = versions[slate.experiments_hash]
            assert dict(slate.variants) == local(definition, slate.user_id, slate.context.session_id)
            assert ruled[slate.experiments_hash].offset <= slate.state_position
            assert all(e.clean for e in exposures)
    for slate, raw in replay_slates(facts, slates):  # parity holds whatever the variant
        kept = [*slate.shown, *slate.sampled]
        replayed = compute(raw, tuple(slate.feature_names))[kept]
        logged = np.frombuffer(slate.feature_rows, "<f4").reshape(replayed.shape)
        assert np.array_equal(logged.view(np.uint32), replayed.view(np.uint32))
    assert len({slate.recipe_hash for slate in slates}) >= 3  # settings of variants shape the recipe


def test_a_model_that_does_not_load_falls_back_marked_and_two_models_draft_a_feed(
    serve, tmp_path: Path, register_model
) -> None:
    data_dir, models = tmp_path / "data", tmp_path / "models"
    data_dir.mkdir()
    damaged = register_model(models, "damaged", NAMES[:10], "")
    sound = register_model(models, "sound", NAMES[::5], "")
    name, _, version = damaged.partition("@")
    body = next((models / name / version).glob("*.txt"))
    body.write_text(body.read_text() + "\n")
    text = (
        experiment(damaged).replace('layer = "ranking"', 'layer = "ranking"\nbuckets = [0, 5000]')
        + f"""
[[experiment]]
name = "duel"
kind = "interleaving"
salt = "duel"
layer = "ranking"
buckets = [5000, 10000]
variant = [{{ name = "champion" }}, {{ name = "sound", model = "{sound}" }}]

[[shadow]]
name = "next"
model = "{sound}"
percent = 100
"""
    )
    (data_dir / "experiments.toml").write_text(text)
    target = serve(data_dir, "--workers", "2", "--no-indexer", models_dir=models)
    with Client(target) as client:
        fill(client)
        feeds = {user: rank(client, RankCall(user, limit=10)) for user in USERS}
        for user, feed in feeds.items():
            assigned = local(text, user, request=feed.request_id)
            fell_back = assigned.get("ranker-7") == "new"
            expected = assigned | ({"ranker-7": "control"} if fell_back else {})
            assert feed.variants == expected and feed.model_version == "prior"
            assert feed.degraded_reasons == (("variant:ranker-7",) if fell_back else ())
        assert {local(text, user).get("ranker-7") for user in USERS} == {"control", "new", None}
        status = client.status()
        assert any(damaged in reason and "control" in reason for reason in status.degraded_reasons)
        assert {e.name: e.failed_variants for e in status.experiments} == {
            "ranker-7": ("new",),
            "duel": (),
            "explore": (),
        }

        def compared() -> int:
            return max(shadow.compared for _ in range(4) for shadow in client.status().shadows)

        wait_for(lambda: compared() >= 5)
        (shadow,) = max((client.status().shadows for _ in range(8)), key=lambda s: s[0].compared)
        assert (shadow.name, shadow.model) == ("next", sound)
        assert 0 <= shadow.overlap_at_10 <= 1 and shadow.milliseconds > 0

    slates, _ = slates_of(data_dir, len(USERS))
    marked = drafted = 0
    for slate in slates:
        by_name = {e.experiment: e for e in exposures_of(slate)}
        if "duel" in by_name:
            drafted += 1
            assert list(slate.team_names) == ["champion", "sound"]
            assert sorted(slate.teams) == [1] * 5 + [2] * 5
        else:
            assert not slate.teams
            assert by_name["ranker-7"].fell_back == slate.degraded
            marked += by_name["ranker-7"].fell_back
    assert marked and drafted
