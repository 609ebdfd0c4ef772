"""Two models on the same impressions: paired, whoever is named first, each in its own space, on what it never saw."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from feedrank.content import content_hash
from feedrank.errors import InvalidInput
from feedrank.features import fingerprint_of
from feedrank.pipeline.scorers import PriorScorer
from feedrank.registry import DataRange, Manifest, Registry
from feedrank.settings import Settings
from feedrank.store.protocol import NewVector
from feedrank.store.sqlite import SqliteStore
from feedrank.training.bootstrap import numbered
from feedrank.training.evaluate import Trial, evaluate
from feedrank.training.gate.contest import (
    Contest,
    Contestant,
    Stretch,
    contestant,
    held,
    held_out_from,
    overlaps,
    read_stretch,
    shared_delay,
)
from feedrank.types import F32, F64, HOUR, Action, Event, UserId
from feedrank.v1 import log_pb2
from tests.news_stream import T0, news_stream
from tests.rankers import CUT

PRIOR = Contestant("prior", PriorScorer(), None)


def contest(store: SqliteStore, a: Contestant, b: Contestant, stretch: Stretch) -> Contest:
    return held(store, read_stretch(store, a, b, stretch), a, b, stretch)


class ByColumn:
    """Ranks by one feature."""

    name = "column"

    def __init__(self, feature: str) -> None:
        self.features: tuple[str, ...] = (feature,)

    def score(self, rows: F32) -> dict[str, F64]:
        return {"margin": np.nan_to_num(rows[:, 0].astype(np.float64), nan=-1.0)}

    def contributions(self, rows: F32) -> F64:
        raise NotImplementedError


def by_column(feature: str, space: str = "", **fields: object) -> Contestant:
    """A contestant that ranks by a feature, trained as the manifest's fields say."""
    made = Manifest.model_validate(
        {"name": feature, "version": "v", "created_at": 0, "files": {}, "space": space, **fields}
        | {"features": [{"name": feature, "fingerprint": "0"}]}
    )
    return Contestant(f"{feature}@v", ByColumn(feature), made)


@pytest.fixture(scope="module")
def both(gate_store: SqliteStore) -> Contest:
    return contest(gate_store, PRIOR, by_column("log_clicks_6h"), Stretch(CUT))


def test_each_is_judged_as_it_is_alone(gate_store: SqliteStore, two_models: Path, unverified: None) -> None:
    registry = Registry(two_models, fingerprint_of)
    found = contest(gate_store, contestant(registry, "good"), contestant(registry, "poor"), Stretch(CUT))
    for model, quality in zip(("good", "poor"), found.quality, strict=True):
        alone = evaluate(gate_store, registry, Trial(model, CUT)).judgement.metrics
        assert len(quality) == alone.impressions == 450
        np.testing.assert_allclose(quality.mean(axis=0), [alone.auc, alone.mrr, alone.ndcg_5, alone.ndcg_10])
    auc = found.intervals()[0]
    assert auc.low > 0.05, "the good one is better, and that is proven"


def test_a_model_against_itself_differs_by_nothing_at_all(gate_store: SqliteStore) -> None:
    found = contest(gate_store, PRIOR, PRIOR, Stretch(CUT))
    assert not found.differences().any()
    assert [(d.mean, d.low, d.high) for d in found.intervals()] == [(0.0, 0.0, 0.0)] * 4


def test_who_is_named_first_changes_only_the_sign(gate_store: SqliteStore, both: Contest) -> None:
    other = contest(gate_store, both.b, both.a, Stretch(CUT))
    np.testing.assert_array_equal(other.differences(), -both.differences())
    for one, turned in zip(both.intervals(), other.intervals(), strict=True):
        np.testing.assert_allclose((one.mean, one.low, one.high), (-turned.mean, -turned.high, -turned.low))
    assert both.effective_users() == other.effective_users()


def test_columns_asked_for_besides_are_kept_and_change_nothing(gate_store: SqliteStore, both: Contest) -> None:
    assert set(PriorScorer.features) | {"log_clicks_6h"} == set(both.data.features)
    assert both.data.seen.all() and len(both.data) == len(both.users) == 450


def test_users_who_come_often_count_as_fewer(both: Contest) -> None:
    once = replace(both, users=numbered([f"u{k}" for k in range(450)]))
    bot = replace(both, users=numbered(["bot"] * 401 + [f"u{k}" for k in range(49)]))
    assert once.effective_users() == pytest.approx(450)
    assert bot.effective_users() == pytest.approx(450**2 / (401**2 + 49))
    assert 80 < both.effective_users() < 160


def test_models_of_different_counter_delays_are_compared_only_at_one_that_is_given(gate_store: SqliteStore) -> None:
    late, now = by_column("ctr_1h", counter_delay_s=3_600.0), by_column("ctr_6h")
    with pytest.raises(InvalidInput, match=r"ctr_1h@v 3600 s, ctr_6h@v 0 s.*--counter-delay"):
        contest(gate_store, late, now, Stretch(CUT))
    given = contest(gate_store, late, now, Stretch(CUT, counter_delay=HOUR))
    assert given.counter_delay == HOUR
    alone = contest(gate_store, late, PRIOR, Stretch(CUT))
    assert (shared_delay(late, PRIOR), alone.counter_delay) == (HOUR, HOUR), "the prior sees what the other sees"
    np.testing.assert_array_equal(given.quality[0], alone.quality[0])


@pytest.fixture(scope="module")
def spaces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteStore]:
    """A small stream whose items have vectors in two spaces: by category in "right", noise in "wrong"."""
    stream = news_stream(impressions=300, users=60)
    folder = tmp_path_factory.mktemp("spaces")
    stream.write(folder)
    store = SqliteStore.open(folder, Settings())
    rng = np.random.default_rng(0)
    kinds = sorted({item.category for item in stream.items})
    rows = store.rows_of([item.item_id for item in stream.items])
    for space in ("right", "wrong"):
        values = np.eye(4)[[kinds.index(item.category) for item in stream.items]]
        if space == "wrong":
            values = rng.standard_normal(values.shape)
        values = (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)
        landed = [
            NewVector(row, item.item_id, content_hash(item), values[k], row)
            for k, (item, row) in enumerate(zip(stream.items, rows, strict=True))
            if row is not None
        ]
        assert store.land_vectors(space, landed, T0) == len(landed)
    yield store
    store.close()


def test_each_reads_its_own_vector_space(spaces: SqliteStore) -> None:
    right, wrong = by_column("sim_max", "right"), by_column("sim_max", "wrong")
    found = contest(spaces, right, wrong, Stretch(T0))
    assert not np.array_equal(*found.margins)
    for space, quality in zip((right, wrong), found.quality, strict=True):
        np.testing.assert_array_equal(quality, contest(spaces, space, space, Stretch(T0)).quality[0])
    assert found.intervals()[0].low > 0, "categories say more than noise"


def test_slates_of_another_vector_space_are_not_replayed_as_if_they_were_of_this(spaces: SqliteStore) -> None:
    right, wrong = by_column("sim_max", "right"), by_column("sim_max", "wrong")
    period = read_stretch(spaces, wrong, right, Stretch(T0))
    served = replace(period.examples[0], slate=log_pb2.Slate(vector_space="right"))
    mixed = replace(period, examples=[served, *period.examples[1:]])
    with pytest.raises(InvalidInput, match="served in vector space 'right': a model that reads 'wrong'"):
        held(spaces, mixed, wrong, right, Stretch(T0))


def test_nothing_to_judge_by_is_said(tmp_path: Path, gate_store: SqliteStore) -> None:
    with pytest.raises(InvalidInput, match="no impressions in that period"):
        contest(gate_store, PRIOR, PRIOR, Stretch(T0 + 1_000 * HOUR))
    store = SqliteStore.open(tmp_path, Settings())
    views = [
        Event(f"v{k}", UserId(f"u{k}"), T0, Action.VIEW, request_id=f"r{k}", item_ids=("a", "b")) for k in range(3)
    ]
    store.append_events(views, None)
    with pytest.raises(InvalidInput, match="none of the 3 impressions"):
        contest(store, PRIOR, PRIOR, Stretch(T0 - 1))
    store.close()


def test_what_is_held_out_is_what_neither_has_seen() -> None:
    one = by_column("ctr_1h", data=DataRange(until=10).model_dump())
    two = by_column("ctr_6h", data=DataRange(until=30).model_dump())
    assert held_out_from(one, two) == held_out_from(two, one) == 30
    assert held_out_from(PRIOR, one) == 10
    assert overlaps(one, 10) == "" and "ctr_6h@v was trained on" in overlaps(two, 29)
    with pytest.raises(InvalidInput, match=r"does not say what it was trained on.*--from"):
        held_out_from(one, by_column("ctr_24h"))
