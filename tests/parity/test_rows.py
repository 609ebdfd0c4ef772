"""Bits: a row depends on its candidate and user alone, one request equals any batch, replay gives served rows again."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from feedrank.features import FEATURES, NAMES, Raw, compute, concat, gather
from feedrank.history import NO_HISTORY, Profile, apply, profile
from feedrank.state import State
from feedrank.state import apply as fold
from feedrank.training.replay import replay_slates
from feedrank.types import F32, HOUR, I32, I64, SECOND, Context, Micros
from feedrank.v1 import log_pb2 as log_pb
from tests.strategies import FactLog, records_of, world

ALONE = [feature.name for feature in FEATURES if not feature.in_slate]
SIZES = (1, 2, 3, 5, 8, 15, 16, 17, 31, 33, 64, 127, 256, 500, 600)
CONTEXT = Context(language="en", region="north", device="mobile", session_id="s3")


def assert_same_bits(mine: F32, theirs: F32, names: Sequence[str]) -> None:
    assert mine.shape == theirs.shape
    differing = (mine.view(np.uint32) != theirs.view(np.uint32)).any(axis=0)
    assert [name for name, differs in zip(names, differing, strict=True) if differs] == []


@dataclass(frozen=True)
class Setting:
    """A folded log and what is known of its users."""

    state: State
    profiles: dict[str, Profile]
    now: Micros
    space: str

    def raw(self, user: str, rows: I32, context: Context = CONTEXT, ago: Micros = 0) -> Raw:
        return gather(self.state, rows, self.profiles[user], context, self.now - ago, self.space)


@pytest.fixture(scope="module")
def log() -> FactLog:
    return world()


@pytest.fixture(scope="module", params=[384, 7, 0], ids=lambda d: f"{d} dimensions")
def setting(request: pytest.FixtureRequest, log: FactLog) -> Setting:
    if request.param == 7:  # no row of an array begins where SIMD registers would like it to
        log = world(dimensions=7)
    space = "text" if request.param else ""
    state = State()
    fold(state, log.facts)
    users = [*(f"u{k}" for k in range(20)), "nobody"]
    profiles = {user: profile(apply(NO_HISTORY, records_of(log, user)), space) for user in users}
    now = max(fact.received_at for fact in log.facts) // SECOND * SECOND
    return Setting(state, profiles, now, space)


def some_rows(rng: np.random.Generator, size: int) -> I32:
    return rng.choice(700, size, replace=False).astype(np.int32)


def test_every_feature_varies_here(setting: Setting) -> None:
    """Or the tests below would say nothing of it."""
    contexts = (CONTEXT, Context(language="da", device="tv"))
    everything = np.arange(700, dtype=np.int32)
    raws = [setting.raw(user, everything, c, 30 * k * HOUR) for user in ("u0", "u5") for k, c in enumerate(contexts)]
    raws.append(setting.raw("u19", everything[:600]))
    batch = compute(concat(raws))
    constant = {name for j, name in enumerate(NAMES) if len(np.unique(batch[:, j][~np.isnan(batch[:, j])])) < 2}
    assert constant == (set() if setting.space else {f.name for f in FEATURES if f.reads_vectors})


def test_a_row_depends_on_no_other_candidate(setting: Setting) -> None:
    rng = np.random.default_rng(1)
    everything = np.arange(700, dtype=np.int32)
    for user in ("u0", "u7", "nobody"):
        raw = setting.raw(user, everything)
        whole = compute(raw, ALONE)
        for size in SIZES:
            chosen = some_rows(rng, size)
            assert_same_bits(compute(setting.raw(user, chosen), ALONE), whole[chosen], ALONE)
            assert_same_bits(compute(raw.take(chosen.astype(np.int64)), ALONE), whole[chosen], ALONE)


def test_a_batch_of_one_equals_any_ragged_batch(setting: Setting) -> None:
    rng = np.random.default_rng(2)
    users = list(setting.profiles)
    for requests in (2, 3, 40):
        raws: list[Raw] = []
        for _ in range(requests):
            user, size = users[int(rng.integers(len(users)))], int(rng.choice((0, 1, 2, 5, 12, 19, 64)))
            context = CONTEXT if rng.random() < 0.5 else Context()
            raws.append(setting.raw(user, some_rows(rng, size), context, int(rng.integers(48)) * HOUR))
        alone = np.concatenate([compute(raw) for raw in raws])
        assert_same_bits(compute(concat(raws)), alone, NAMES)
        assert_same_bits(compute(concat([concat(raws[:1]), *raws[1:]])), alone, NAMES)


def test_a_column_does_not_depend_on_which_columns_are_asked_for(setting: Setting) -> None:
    raw = setting.raw("u1", some_rows(np.random.default_rng(3), 50))
    whole = compute(raw)
    for j, name in enumerate(NAMES):
        assert_same_bits(compute(raw, [name]), whole[:, j : j + 1], [name])
    backwards = NAMES[::-1]
    assert_same_bits(compute(raw, backwards), whole[:, ::-1].copy(), backwards)


def test_only_features_that_say_so_read_vectors(log: FactLog) -> None:
    state = State()
    fold(state, log.facts)
    known = profile(apply(NO_HISTORY, records_of(log, "u0")), "text")
    now = max(fact.received_at for fact in log.facts) // SECOND * SECOND
    rows = np.arange(300, dtype=np.int32)
    with_space, without = (compute(gather(state, rows, known, CONTEXT, now, space)) for space in ("text", ""))
    differs = (with_space.view(np.uint32) != without.view(np.uint32)).any(axis=0)
    assert {n for n, d in zip(NAMES, differs, strict=True) if d} == {f.name for f in FEATURES if f.reads_vectors}


def test_in_slate_features_depend_on_the_slate(setting: Setting) -> None:
    raw = setting.raw("u0", np.arange(100, dtype=np.int32))
    names = [f.name for f in FEATURES if f.in_slate and (setting.space or not f.reads_vectors)]
    half: I64 = np.arange(50)
    differs = (compute(raw, names)[:50] != compute(raw.take(half), names)).any(axis=0)
    assert differs.all()


def slate_of(user: str, rows: I32, now: Micros, state_position: int, history_position: int, space: str) -> log_pb.Slate:
    slate = log_pb.Slate(
        request_id=f"{user}@{state_position}",
        user_id=user,
        now_us=now,
        state_position=state_position,
        history_position=history_position,
        vector_space=space,
    )
    slate.candidate_rows.extend(rows.tolist())
    slate.context.language, slate.context.region = CONTEXT.language, CONTEXT.region
    slate.context.device, slate.context.session_id = CONTEXT.device, CONTEXT.session_id
    return slate


@pytest.mark.parametrize("space", ["text", ""])
def test_replay_from_recorded_positions_gives_served_rows_again(space: str) -> None:
    """Live, the fold runs in batches of any size, and a user's history may be ahead of item state."""
    log = world(items=120, users=6, events=900)
    rng = np.random.default_rng(4)
    state, served, slates = State(), {}, []
    position = 130
    fold(state, log.facts[:position])
    while position < len(log.facts):
        stop = min(position + int(rng.integers(1, 60)), len(log.facts))
        fold(state, log.facts[position:stop])
        position = stop
        if rng.random() < 0.5:
            state.co_engaged.compact()
        user = f"u{int(rng.integers(7))}"  # one of them unknown
        ahead = min(position + int(rng.integers(0, 40)), len(log.facts))
        now = log.facts[position - 1].received_at // SECOND * SECOND
        records = [r for r in records_of(log, user) if r.offset <= ahead]
        rows = rng.permutation(state.catalog.rows)[: int(rng.integers(1, 80))].astype(np.int32)
        slate = slate_of(user, rows, now, state.position, ahead, space)
        served[slate.request_id] = compute(
            gather(state, rows, profile(apply(NO_HISTORY, records), space), CONTEXT, now, space)
        )
        slates.append(slate)
    assert len(slates) > 15
    order = rng.permutation(len(slates))
    replayed = list(replay_slates(log.facts, [slates[i] for i in order]))
    assert [slate.request_id for slate, _ in replayed] == [slate.request_id for slate in slates]
    batch = compute(concat([raw for _, raw in replayed]))
    assert_same_bits(batch, np.concatenate([served[slate.request_id] for slate, _ in replayed]), NAMES)
