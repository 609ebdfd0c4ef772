"""Padding: an impression's own items first, then what the service's sources and filters would have brought, no more."""

import gc
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from feedrank.features import BY_NAME, NAMES, compute
from feedrank.settings import DataSettings, Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.training.dataset import PADDING_KEPT, View, build
from feedrank.training.forms import (
    EVERY,
    EVERY_OUTDATED,
    LAGS,
    Form,
    form_of,
    last_midnight,
    nightly,
    outdated,
    padded,
    training_mix,
)
from feedrank.training.impressions import Example
from feedrank.training.padding import Padding
from feedrank.training.period import Period
from feedrank.training.replay import replay_impressions, seed_of
from feedrank.types import DAY, F32, Micros

DELAY: Micros = 300_000_000


def padding(store: SqliteStore, candidates: int = 60) -> Padding:
    return Padding(store, DataSettings(), Settings(candidates=candidates))


def test_own_items_come_first_and_the_rest_is_live_and_distinct(everything: Period, news_store: SqliteStore) -> None:
    examples = padded(everything.examples[600:620])
    impressions = [e.impression for e in examples]
    raws = list(replay_impressions(everything.facts, impressions, DELAY, "", padding(news_store)))
    more = 0
    for example, raw in zip(examples, raws, strict=True):
        own = len(example.impression.rows)
        rows = raw.items.rows.tolist()
        assert tuple(rows[:own]) == example.impression.rows
        assert len(set(rows)) == len(rows) <= 60
        beside = raw.take(np.arange(own, len(rows)))
        assert beside.items.listed.all()
        assert not beside.items.deleted.any()
        assert (beside.items.published_at <= example.impression.time).all()
        assert not np.isin(beside.items.rows, raw.history.rows).any()  # read is dropped, as in a feed
        more += len(rows) - own
    assert more > 20 * 10


def test_padding_changes_nothing_but_what_looks_at_the_whole_slate(everything: Period, news_store: SqliteStore) -> None:
    example = everything.examples[700]
    shown, beside = (
        next(replay_impressions(everything.facts, [e.impression], DELAY, "", padding(news_store)))
        for e in (example, padded([example])[0])
    )
    own = len(example.impression.rows)
    alone, among = compute(shown), compute(beside)[:own]
    in_slate = [j for j, name in enumerate(NAMES) if BY_NAME[name].in_slate]
    others = [j for j in range(len(NAMES)) if j not in in_slate]
    np.testing.assert_array_equal(alone[:, others], among[:, others])
    assert (alone[:, in_slate] != among[:, in_slate]).any()
    assert (among[:, NAMES.index("slate_size")] == len(beside.items.rows)).all()


def test_of_padding_a_seeded_sample_is_kept_unseen_and_unclicked(everything: Period, news_store: SqliteStore) -> None:
    examples = everything.examples[600:640]
    view = View(DELAY, padding=padding(news_store))
    data = build(everything.facts, [*examples, *padded(examples)], view)
    shown, beside = data.of(Form.SHOWN), data.of(Form.PADDED)
    assert len(shown) == len(beside) == len(examples)
    assert not len(data.of(Form.OUTDATED))
    assert not beside.labels[~beside.seen].any()
    np.testing.assert_array_equal(np.diff(beside.offsets), np.diff(shown.offsets) + PADDING_KEPT)
    np.testing.assert_array_equal(beside.judged().item_rows, shown.item_rows)
    np.testing.assert_array_equal(beside.judged().labels, shown.labels)
    gc.collect()
    again = build(everything.facts, padded(examples), view)
    assert gc.collect() == 0  # no collection runs meanwhile, so that none may be needed
    np.testing.assert_array_equal(again.rows, beside.rows)
    assert data.served().request_ids == beside.request_ids
    assert shown.served().request_ids == shown.request_ids


def test_the_mix_holds_every_impression_as_shown_and_some_in_the_other_forms(everything: Period) -> None:
    mix = training_mix(everything.examples)
    forms = np.bincount([form_of(e) for e in mix], minlength=3)
    n = len(everything.examples)
    assert forms[Form.SHOWN] == n
    assert forms[[Form.PADDED, Form.OUTDATED]] == pytest.approx([n / EVERY, n / EVERY_OUTDATED], rel=0.2)
    for example in mix:
        impression = example.impression
        if form_of(example) == Form.OUTDATED:
            assert impression.known_until % DAY == 0
            assert 0 <= impression.time - impression.known_until < LAGS * DAY
            assert seed_of(impression.request_id) % EVERY != 0, "no impression is in both other forms"


def test_nightly_state_leaves_a_user_s_own_history_up_to_date(everything: Period) -> None:
    examples = everything.examples[900:940]
    stale = [outdated([e], last_midnight(e.impression.time))[0] for e in examples]

    def features(kind: Sequence[Example]) -> F32:
        return build(everything.facts, kind, View(), ("log_views_168h", "history_size")).rows

    now, night, frozen = features(examples), features(nightly(examples)), features(stale)
    np.testing.assert_array_equal(night[:, 0], frozen[:, 0])
    np.testing.assert_array_equal(night[:, 1], now[:, 1])
    assert (frozen[:, 1] < now[:, 1]).any()
    assert (frozen[:, 0] != now[:, 0]).any()


def test_slates_are_whole_already(everything: Period) -> None:
    from feedrank.v1 import log_pb2

    served = [replace(everything.examples[0], slate=log_pb2.Slate())]
    assert padded(served) == []
    assert training_mix(served) == served
