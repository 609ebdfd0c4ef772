"""Fitting: it finds an order that is there, the same one every time, and says what is missing where there is none."""

import math
from dataclasses import replace

import numpy as np
import pytest

from feedrank.errors import InvalidInput
from feedrank.pipeline.scorers import LightGBMScorer
from feedrank.training.dataset import Dataset
from feedrank.training.fit import FitParams, fit, select, threads_for, train_booster
from feedrank.training.forms import Form
from feedrank.training.judge import margins
from feedrank.training.metrics import evaluate
from feedrank.training.places import examined_log_odds
from tests.grades import plain

QUICK = FitParams(num_threads=1, max_rounds=60, patience=15, default_rounds=20, min_data_in_leaf=10)


def dataset(impressions: int = 800, size: int = 6, users: int = 20, seed: int = 0) -> Dataset:
    """Candidates whose click depends on the first of three columns."""
    rng = np.random.default_rng(seed)
    n = impressions * size
    rows = rng.standard_normal((n, 3)).astype(np.float32)
    worth = 2.0 * rows[:, 0] + rng.gumbel(size=n)
    labels = np.zeros((impressions, size), np.int8)
    labels[np.arange(impressions), worth.reshape(impressions, size).argmax(axis=1)] = 1
    return Dataset(
        ("good", "noise", "other"),
        rows,
        labels.ravel(),
        np.ones(n, np.bool_),
        np.arange(n, dtype=np.int32),
        np.arange(0, n + 1, size),
        np.arange(impressions, dtype=np.int64) * 1_000_000,
        np.full(impressions, Form.SHOWN, np.int8),
        tuple(f"r{i}" for i in range(impressions)),
        tuple(f"u{i % users}" for i in range(impressions)),
        plain(labels.ravel()),
    )


def auc(data: Dataset, model_text: str, features: tuple[str, ...]) -> float:
    return evaluate(data.labels, margins(data, LightGBMScorer(model_text, features)), data.offsets).auc


def test_lambdas_are_normalized_only_where_asked() -> None:
    """LightGBM's own default is to normalize; what a manifest says must be what was done."""
    for normalized in (False, True):
        params = replace(QUICK, normalized=normalized, averaged=False)
        assert params.lightgbm(10, ("good",))["lambdarank_norm"] is normalized
        assert params.as_json()["normalized"] is normalized
        assert params.members() == (params,)
    assert [(m.normalized, m.lambda_l2 / QUICK.lambda_l2) for m in QUICK.members()] == [(False, 1.0), (True, 5.0)]
    assert len(replace(QUICK, objective="binary").members()) == 1, "there is one kind of it"


def test_the_average_is_of_both_kinds_and_has_the_trees_of_both() -> None:
    features = ("good", "noise")
    data = dataset(300)
    single = [train_booster(data, features, member, 9) for member in QUICK.members()]
    both = train_booster(data, features, QUICK, 9)
    assert both.num_trees() == 18
    rows = data.columns(features)
    plain, normalized = (np.asarray(each.predict(rows, raw_score=True)) for each in single)
    assert not np.array_equal(plain, normalized)
    assert both.predict(rows, raw_score=True) == pytest.approx(plain + normalized, abs=1e-12)


def test_places_are_examined_by_a_power_law_around_the_click_rate() -> None:
    data = replace(dataset(2, size=3), places=np.array([1, 2, 4, 1, 0, 2], np.int32))
    rate = (2 + 1) / (6 + 2)
    usual = math.log(1 * 2 * 4 * 1 * 2) / 5
    expected = [
        math.log(rate / (1 - rate)) - 0.5 * (math.log(place) - usual if place else 0.0) for place in (1, 2, 4, 1, 0, 2)
    ]
    assert examined_log_odds(data, 0.5) == pytest.approx(expected)


def test_binary_tells_worth_from_place() -> None:
    """Half of the items are always put on top, where all are clicked more: they are no better for it."""
    rng = np.random.default_rng(3)
    impressions, size = 1_500, 10
    places = np.tile(np.arange(1, size + 1, dtype=np.int32), impressions)
    favoured = (places <= 5).astype(np.float32)
    good = rng.integers(0, 2, len(places)).astype(np.float32)
    clicked = rng.random(len(places)) < places**-1.0 * (0.1 + 0.4 * good)
    data = replace(
        dataset(impressions, size),
        rows=np.stack([good, favoured], axis=1),
        features=("good", "favoured"),
        labels=clicked.astype(np.int8),
        places=places,
    )
    binary = replace(QUICK, objective="binary", default_rounds=60)
    gaps = []
    for decay in (0.0, 1.0):
        model = train_booster(data, data.features, replace(binary, place_decay=decay), 60)
        found = np.asarray(model.predict(np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]), raw_score=True))
        assert found[1] > found[2] + 1.0, "the good ones are told"
        gaps.append(float(found[1] - found[0]))
    assert gaps[0] > 1.0 > 3 * abs(gaps[1])


def test_binary_learns_of_slates_nothing_was_clicked_of() -> None:
    data = dataset(400)
    left = replace(data, labels=np.where(np.arange(len(data.labels)) < 600, 0, data.labels).astype(np.int8))
    assert fit(left, ("good",), replace(QUICK, objective="binary")).impressions == 400
    assert fit(left, ("good",), QUICK).impressions == 300


def test_a_decay_of_places_is_for_binary() -> None:
    for params in ({"place_decay": 0.5}, {"objective": "binary", "place_decay": -0.1}):
        with pytest.raises(InvalidInput, match="place_decay"):
            FitParams(**params)


def test_the_order_that_is_there_is_found() -> None:
    features = ("noise", "good")
    rounds: list[int] = []
    fitted = fit(dataset(), features, QUICK, rounds.append)
    assert fitted.features == features
    later = dataset(seed=1)
    best = evaluate(later.labels, later.rows[:, 0], later.offsets).auc
    assert auc(later, fitted.model_text, features) > best - 0.03
    assert 0 < fitted.rounds <= QUICK.max_rounds
    assert len(rounds) >= 2 * fitted.rounds
    assert fitted.selection is not None
    assert fitted.selection.impressions == 120, "the last 15% in time"
    assert fitted.impressions == 800


def test_the_same_data_gives_the_same_model_whatever_the_threads() -> None:
    texts = {
        fit(dataset(), ("good", "noise"), replace(QUICK, num_threads=n)).model_text.partition("parameters:")[0]
        for n in (1, 1, 2)
    }
    assert len(texts) == 1


def test_trees_are_chosen_on_the_last_part_of_time_alone() -> None:
    """Labels of the last part turned over: the best a model of the earlier part can do there is next to nothing."""
    data = dataset()
    late = np.repeat(np.arange(800) >= 680, 6)
    worst = data.rows[:, 0] == np.minimum.reduceat(data.rows[:, 0], data.offsets[:-1]).repeat(6)
    turned = np.where(late, worst, data.labels)
    fitted = fit(replace(data, labels=turned.astype(np.int8)), ("good", "noise"), QUICK)
    assert fitted.selection is not None
    assert fitted.rounds < 10
    assert fitted.selection.auc < 0.5


def test_the_fewest_trees_are_taken_that_come_near_the_best() -> None:
    data = dataset()
    early, late = data.take(np.arange(800) < 600), data.take(np.arange(800) >= 600)
    found = {}
    for allowed in (0.0, 0.001, 0.02, 1.0):
        params = replace(QUICK, near_best=allowed)
        rounds, metrics, booster = select(early, late, ("good", "noise"), params, lambda n: None)
        assert booster.num_trees() == rounds * len(params.members())
        fitted = margins(late, LightGBMScorer(booster.model_to_string(), ("good", "noise")))
        assert evaluate(late.labels, fitted, late.offsets).auc == pytest.approx(metrics.auc, abs=1e-4)
        found[allowed] = rounds, metrics.auc
    best = found[0.0]
    assert all(best[1] - allowed <= auc <= best[1] for allowed, (_, auc) in found.items())
    assert best[0] >= found[0.001][0] >= found[0.02][0] >= found[1.0][0] == 1
    assert found[0.02][0] < best[0]


def test_a_small_data_set_gets_the_default_number_of_trees() -> None:
    fitted = fit(dataset(impressions=100), ("good",), QUICK)
    assert fitted.selection is None
    assert fitted.rounds == QUICK.default_rounds


def test_impressions_without_both_labels_teach_nothing() -> None:
    data = dataset(impressions=120)
    labels = data.labels.copy()
    labels[:60] = 0
    labels[60:120] = 1
    fitted = fit(replace(data, labels=labels), ("good",), QUICK)
    assert (fitted.impressions, fitted.rows) == (100, 600)


def test_unseen_samples_are_learnt_from_but_not_judged_by() -> None:
    data = dataset()
    seen = data.seen.copy()
    seen[data.offsets[680] :] = data.labels[data.offsets[680] :] > 0
    fitted = fit(replace(data, seen=seen), ("good",), QUICK)
    assert fitted.rows == len(data.rows)
    assert fitted.selection is None
    assert fitted.rounds == QUICK.default_rounds


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (dataset(impressions=0), "no impressions to learn from"),
        (replace(dataset(), labels=np.zeros(4800, np.int8)), "none of the 800 impressions has a click"),
        (replace(dataset(), labels=np.ones(4800, np.int8)), "clicked throughout or not at all"),
        (dataset(users=1), "are of one user"),
    ],
)
def test_what_is_missing_is_said(data: Dataset, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        fit(data, ("good",), QUICK)


def test_readers_without_a_name_are_not_one_user() -> None:
    assert fit(replace(dataset(), user_ids=("",) * 800), ("good",), QUICK).rounds > 0


def test_one_thread_unless_asked_or_worth_it() -> None:
    assert threads_for(300_000, 0) == 1
    assert threads_for(5_000_000, 0) == 0, "LightGBM's one a core"
    assert threads_for(300_000, 2) == 2


def test_monotone_trees_never_fall_with_what_should_only_help() -> None:
    data = replace(dataset(), features=("ctr_6h", "age_hours", "weekday"))
    turned = replace(data, rows=-data.rows)  # here a higher rate goes with fewer clicks
    free, held = (fit(turned, data.features, replace(QUICK, monotone=m)).model_text for m in (False, True))
    ladder = np.zeros((9, 3), np.float32)
    ladder[:, 0] = np.linspace(-2, 2, 9)
    scores = [LightGBMScorer(text, data.features).score(ladder)["margin"] for text in (free, held)]
    assert scores[0][0] > scores[0][-1]
    assert (np.diff(scores[1]) >= 0).all()
