"""A whole audit of a small world: lists in the model's order, slates as served, RADio by hand, JSON that is JSON."""

import json
from dataclasses import replace

import numpy as np
import pytest

from feedrank.features import NAMES
from feedrank.training import baselines
from feedrank.training.audit.audit import MODEL, Origin, audit, best_baseline
from feedrank.training.audit.beyond import read_vectors
from feedrank.training.audit.lists import TOP, reranked, served
from feedrank.training.audit.radio import Evidence, charges, history_shares, radio_measures
from feedrank.training.audit.reading import PRIOR_VIEWS, read_reading
from feedrank.training.audit.settings import AuditSettings
from feedrank.training.audit.users import Reference
from feedrank.training.background import Background, read_background
from feedrank.training.dataset import Dataset, View, build
from feedrank.training.impressions import Example
from feedrank.training.metrics import evaluate
from feedrank.training.period import END, Period
from feedrank.training.replay import Impression
from feedrank.v1 import log_pb2 as log
from tests.unit.training.audit.test_measures import lists_of

LENIENT = AuditSettings(near_duplicates=None)


@pytest.fixture(scope="module")
def data(everything: Period) -> Dataset:
    return build(everything.facts, everything.examples, View(), NAMES)


def test_lists_are_the_best_first_of_each_impression(data: Dataset) -> None:
    scores = np.random.default_rng(0).standard_normal(len(data.labels))
    lists = reranked(data, scores)
    for i in (0, 7, len(data) - 1):
        a, b = data.offsets[i], data.offsets[i + 1]
        wanted = data.item_rows[a:b][np.argsort(-scores[a:b])][:TOP].tolist()
        assert lists.top[i][lists.top[i] >= 0].tolist() == wanted
    assert lists.user_ids == data.user_ids


def test_slates_are_taken_as_they_were_served() -> None:
    slate = log.Slate(shown=[2, 0], candidate_rows=[5, 6, 7])
    nothing = np.empty(0, np.int32)
    asked = Impression("r", "u", 9, (5, 6, 7))
    example = Example(asked, nothing, nothing.astype(np.int8), nothing.astype(np.bool_), nothing.astype(np.int8), slate)
    imported = Example(asked, nothing, nothing.astype(np.int8), nothing.astype(np.bool_), nothing.astype(np.int8))
    lists = served([imported, example])
    assert lists.top.tolist() == [[7, 5, *([-1] * 8)]]
    assert lists.pool.tolist() == [5, 6, 7] and lists.times.tolist() == [9]


def test_an_audit_of_imported_impressions(everything: Period, data: Dataset) -> None:
    scores = data.columns(("ctr_24h",))[:, 0].astype(np.float64)
    found = audit(everything, data, scores, END, AuditSettings())
    assert found.origin == Origin.RERANKED and found.lists == len(data)
    assert set(found.beyond) == {MODEL, "recency", "ctr_24h", "random"}
    assert repr(found.beyond[MODEL]) == repr(found.beyond["ctr_24h"])  # NaN and all: the model is that column
    assert found.passed == all(rail.passed for rail in found.guardrails)
    values = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert values["beyond"]["model"]["intra_list_distance"] is None
    assert found.reference == values["reference"] == best_baseline(data).name
    again = audit(everything, data, scores, END, AuditSettings(), Reference("itself", scores))
    assert {g.added.difference for g in again.groups} == {0.0} and again.reference == "itself"
    by_category = [e for e in found.exposures if e.grouping == "category"]
    assert sum(e.supply for e in by_category) == pytest.approx(1.0)
    assert sum(e.exposure.mean for e in by_category) == pytest.approx(1.0)


def test_the_best_baseline_is_the_reference_where_there_is_no_champion(data: Dataset) -> None:
    best = best_baseline(data)
    judged = {name: evaluate(data.labels, column, data.offsets).auc for name, column in baselines.scores(data).items()}
    assert best.name != baselines.RANDOM and judged[best.name] == max(judged.values())
    assert best_baseline(replace(data, features=(), rows=data.rows[:, :0])).name == baselines.RANDOM


def test_an_audit_of_slates_is_of_what_was_served(everything: Period, data: Dataset) -> None:
    """The scores say the opposite of what was shown: they judge users, and leave the lists alone."""
    served_ones = [
        replace(e, slate=log.Slate(shown=range(4), candidate_rows=e.impression.rows)) for e in everything.examples
    ]
    found = audit(
        replace(everything, examples=served_ones), data, -np.arange(len(data.labels), dtype=np.float64), END, LENIENT
    )
    assert found.origin == Origin.SERVED and set(found.beyond) == {MODEL}
    lists = served(served_ones)
    assert (lists.top[:, :4] >= 0).all() and (lists.top[:, 4:] < 0).all()
    age = {e.value: e for e in found.exposures if e.grouping == "item age"}
    assert age["new"].supply + age["older"].supply == pytest.approx(1.0)
    assert {g.grouping for g in found.groups} >= {"activity", "history length"}


def test_reading_is_what_the_log_says_up_to_then(everything: Period) -> None:
    rows = len(read_background(everything.facts).categories)
    until = everything.examples[600].impression.time
    reading = read_reading(everything.facts, until, rows)
    clicked = [f for f in everything.facts if type(f).__name__ == "EventRecorded" and f.time < until]
    clicks = [f for f in clicked if f.action == 2]  # type: ignore[attr-defined]
    assert reading.clicks.sum() == len(clicks)
    user = clicks[0].event.user_id  # type: ignore[attr-defined]
    mine = [f.rows[0] for f in clicks if f.event.user_id == user]  # type: ignore[attr-defined]
    assert reading.before(user, until).tolist() == mine
    assert reading.before(user, clicks[0].time).tolist() == []
    assert reading.before("nobody", until).tolist() == []
    rate = reading.clicks.sum() / reading.views.sum()
    assert reading.quality() == pytest.approx((reading.clicks + PRIOR_VIEWS * rate) / (reading.views + PRIOR_VIEWS))


def words(*values: str) -> np.ndarray:
    return np.array(values, object)


def test_radio_by_hand() -> None:
    """Four items, two publishers, three stories; what one list of two disjoint halves must give."""
    none, nowhere = np.zeros(4, np.int64), words(*[""] * 4)
    topics, sources = words("a", "a", "b", "b"), words("x", "x", "y", "y")
    background = Background(topics, sources, nowhere, words("neutral", "-0.9", "", "0.1"), none, none)
    lists = lists_of([0, 1], [2, 3], pools=[[0, 1, 2, 3], [0, 1, 2, 3]])
    reading = read_reading([], END, 4)
    reading.items["u0"], reading.times["u0"] = np.array([2, 3], np.int32), np.array([-2, -1])
    evidence = Evidence(lists, background, reading, np.array([0, 0, 2, -1], np.int32))
    found = {radio.name: radio for radio in radio_measures(evidence)}
    assert history_shares(lists, reading, np.array([0, 0, 1, 1]), 2)[0].tolist() == [0.0, 1.0]
    calibration = found["calibration (topic)"].values
    assert calibration[0] == pytest.approx(1.0, abs=0.02)  # read b, shown a; smoothed a little
    assert np.isnan(calibration[1])  # nothing read
    assert found["fragmentation"].values == pytest.approx([1.0], abs=0.02)  # stories {0} and {2}
    # a pool of half x, half y against a list of x alone: JS = 1/2 log2(4/3) + 1/4 log2(2/3) + 1/4 log2(2)
    by_hand = 0.5 * np.log2(4 / 3) + 0.25 * np.log2(2 / 3) + 0.25 * np.log2(2)
    assert found["representation (publishers)"].values == pytest.approx([by_hand] * 2, abs=0.01)
    assert found["alternative voices"].absent
    assert charges(words("neutral", "-0.9", "", "0.1", "negative", "glad")).tolist() == [0, 3, -1, 0, 3, -1]


def test_a_log_that_tells_nothing_says_so() -> None:
    nothing, none = words("", ""), np.zeros(2, np.int64)
    background = Background(nothing, nothing, nothing, nothing, none, none)
    evidence = Evidence(lists_of([0, 1]), background, read_reading([], END, 2), np.full(2, -1, np.int32))
    assert all(radio.absent for radio in radio_measures(evidence))
    assert read_vectors([], "", 2).known.tolist() == [False, False]
