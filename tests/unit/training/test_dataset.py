"""Data sets: the rows of the right candidates, as of the right instant, however they are batched."""

import gc
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from feedrank.errors import InvalidInput
from feedrank.features import NAMES, compute
from feedrank.records import Fact
from feedrank.training import dataset as module
from feedrank.training.dataset import Dataset, View, build, joined, logged_rows
from feedrank.training.forms import Form, outdated
from feedrank.training.impressions import Example, imported_examples
from feedrank.training.labels import Answers
from feedrank.training.period import Period
from feedrank.training.replay import FOREVER, Impression, replay_impressions
from feedrank.types import F32, HOUR, MINUTE, Action, Context, Micros
from feedrank.v1 import log_pb2
from tests.grades import plain
from tests.strategies import T0, FactLog

DELAY = 5 * MINUTE


def row_by_row(facts: Sequence[Fact], examples: Sequence[Example], view: View) -> F32:
    """One impression at a time, all its candidates, without any batching."""
    impressions = [e.impression for e in examples]
    raws = replay_impressions(facts, impressions, view.counter_delay, view.space)
    return np.concatenate([compute(raw)[e.kept] for e, raw in zip(examples, raws, strict=True)])


@pytest.mark.parametrize("known_until", [FOREVER, T0 + 30 * HOUR])
def test_rows_are_those_of_each_impression_alone(
    everything: Period, known_until: Micros, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = View(DELAY)
    examples = outdated(everything.examples[300:360], known_until)
    expected = row_by_row(everything.facts, examples, view)
    monkeypatch.setattr(module, "BATCH_CANDIDATES", 50)
    done: list[int] = []
    found = build(everything.facts, examples, view, NAMES, done.append)
    np.testing.assert_array_equal(found.rows, expected)
    assert found.rows.dtype == np.float32
    assert sum(done) == len(examples) == len(found)
    assert len(done) > 3
    assert found.offsets[-1] == len(found.rows) == len(found.labels) == len(found.item_rows)


def test_only_what_was_asked_for_is_computed_in_that_order(everything: Period) -> None:
    examples = everything.examples[:5]
    whole = build(everything.facts, examples, View())
    some = build(everything.facts, examples, View(), ("ctr_6h", "age_hours"))
    np.testing.assert_array_equal(some.rows, whole.columns(("ctr_6h", "age_hours")))
    with pytest.raises(InvalidInput, match="no column 'ctr_1h'"):
        some.columns(("ctr_1h",))


def test_nights_joined_are_the_whole(everything: Period) -> None:
    whole = build(everything.facts, everything.examples[:30], View())
    early = np.arange(30) < 12
    again = joined([whole.take(early), whole.take(~early)])
    for name in ("rows", "labels", "seen", "item_rows", "offsets", "times"):
        np.testing.assert_array_equal(getattr(again, name), getattr(whole, name))
    assert (again.features, again.request_ids, again.user_ids) == (whole.features, whole.request_ids, whole.user_ids)
    with pytest.raises(ValueError, match="follow one another in time"):
        joined([whole.take(~early), whole.take(early)])
    with pytest.raises(ValueError, match="same features"):
        joined([whole, build(everything.facts, everything.examples[30:35], View(), ("ctr_6h",))])


def test_examples_may_come_in_any_order(everything: Period) -> None:
    examples = everything.examples[:40]
    shuffled = [examples[i] for i in np.random.default_rng(0).permutation(40)]
    one, other = (build(everything.facts, e, View()) for e in (examples, shuffled))
    np.testing.assert_array_equal(one.rows, other.rows)
    assert one.request_ids == other.request_ids
    assert (np.diff(other.times) >= 0).all()


def test_counters_lag_and_a_frozen_past_stands_still() -> None:
    log = FactLog(imported=True)
    for k in range(20):
        log.event(Action.VIEW, f"u{k}", ("a", "b"), T0 + k * MINUTE, request=f"r{k}")
        log.event(Action.CLICK, f"u{k}", "a", T0 + k * MINUTE, request=f"r{k}")
    examples = imported_examples(log.facts, Answers(log.facts), T0, T0 + HOUR)
    at = np.arange(20)

    def clicks_of_a(view: View, known_until: Micros = FOREVER) -> list[int]:
        column = build(log.facts, outdated(examples, known_until), view, ("log_clicks_168h",)).rows[::2, 0]
        return [round(float(clicks)) for clicks in np.expm1(column)]

    # equal times are not yet visible, so the impression at minute k knows the k clicks before it
    assert clicks_of_a(View()) == at.tolist()
    assert clicks_of_a(View(DELAY)) == np.maximum(at - 5, 0).tolist()
    assert clicks_of_a(View(), T0 + 10 * MINUTE) == np.minimum(at, 10).tolist()


def slate_example(kept: Sequence[int], features: Sequence[str], **changes: object) -> Example:
    rows = np.arange(3 * len(features), dtype="<f4").reshape(3, len(features))
    slate = log_pb2.Slate(
        request_id="r",
        now_us=T0,
        candidate_rows=[4, 5, 6, 7],
        shown=[2, 0],
        sampled=[3],
        feature_names=list(features),
        feature_rows=rows.tobytes(),
    )
    for name, value in changes.items():
        setattr(slate, name, value)
    impression = Impression("r", "u", T0, (4, 5, 6, 7), Context())
    index = np.array(kept, np.int32)
    labels = np.zeros(len(index), np.int8)
    return Example(impression, index, labels, np.ones(len(index), np.bool_), plain(labels), slate)


def test_logged_rows_are_taken_by_candidate_and_by_name() -> None:
    example = slate_example([0, 3], ["x", "y", "z"])
    np.testing.assert_array_equal(logged_rows(example, ("z", "x")), [[5, 3], [8, 6]])
    found = build([], [example], View(logged_rows=True), ("z", "x"))
    assert found.item_rows.tolist() == [4, 7]


def test_logged_rows_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InvalidInput, match="without feature 'w'"):
        logged_rows(slate_example([0], ["x"]), ("w",))
    with pytest.raises(InvalidInput, match="'r' holds 1 values for 3 rows"):
        logged_rows(slate_example([0], ["x"], feature_rows=b"\0\0\0\0"), ("x",))
    with pytest.raises(InvalidInput, match="was imported"):
        logged_rows(replace(slate_example([0], ["x"]), slate=None), ("x",))


def small() -> Dataset:
    return Dataset(
        ("x",),
        np.arange(6, dtype=np.float32)[:, None],
        np.array([0, 1, 0, 0, 1, 0], np.int8),
        np.array([True, True, False, True, True, True]),
        np.arange(6, dtype=np.int32),
        np.array([0, 3, 3, 6]),
        np.array([1, 2, 3]),
        np.array([Form.SHOWN, Form.PADDED, Form.OUTDATED], np.int8),
        ("a", "b", "c"),
        ("u", "", "w"),
        plain(np.array([0, 1, 0, 0, 1, 0])),
    )


def test_taking_impressions_takes_their_entries() -> None:
    found = small().take(np.array([False, True, True]))
    assert found.rows[:, 0].tolist() == [3, 4, 5]
    assert found.offsets.tolist() == [0, 0, 3]
    assert (found.request_ids, found.user_ids, found.times.tolist()) == (("b", "c"), ("", "w"), [2, 3])


def test_only_what_was_seen_is_judged() -> None:
    found = small().judged()
    assert found.rows[:, 0].tolist() == [0, 1, 3, 4, 5]
    assert found.offsets.tolist() == [0, 2, 2, 5]


def test_nothing_gives_an_empty_data_set() -> None:
    found = build([], [], View(), ("ctr_6h",))
    assert (len(found), found.rows.shape, found.offsets.tolist()) == (0, (0, 1), [0])


def test_replay_leaves_no_cyclic_garbage_and_collections_as_they_were(everything: Period) -> None:
    examples = everything.examples[:50]
    gc.collect()
    build(everything.facts, examples, View())
    assert gc.isenabled() and gc.collect() == 0
    gc.disable()
    try:
        build(everything.facts, examples[:2], View())
        assert not gc.isenabled()
    finally:
        gc.enable()
