"""Ablation and tuning: a part that matters is missed, one that does not is not, and a study is gone on with."""

from pathlib import Path

import numpy as np
import pytest

from feedrank.errors import InvalidInput
from feedrank.features import BY_NAME
from feedrank.training import ablate as module
from feedrank.training.ablate import AVERAGE, ablate, variants
from feedrank.training.dataset import Dataset
from feedrank.training.fit import FitParams
from feedrank.training.forms import Form
from feedrank.training.tune import SEEDS, read_params, tune, write_params
from tests.grades import plain

QUICK = FitParams(num_threads=1, max_rounds=20, patience=5, min_data_in_leaf=10)
FEATURES = ("ctr_6h", "weekday")  # of two families


def dataset(impressions: int = 600, forms: tuple[Form, ...] = (Form.SHOWN, Form.PADDED)) -> Dataset:
    """Candidates whose click depends on the first of two columns; each impression in each form."""
    rng = np.random.default_rng(0)
    size, m = 6, impressions * len(forms)
    rows = rng.standard_normal((m * size, 2)).astype(np.float32)
    worth = 3.0 * rows[:, 0] + rng.gumbel(size=m * size)
    labels = np.zeros((m, size), np.int8)
    labels[np.arange(m), worth.reshape(m, size).argmax(axis=1)] = 1
    return Dataset(
        FEATURES,
        rows,
        labels.ravel(),
        np.ones(m * size, np.bool_),
        np.arange(m * size, dtype=np.int32),
        np.arange(0, m * size + 1, size),
        np.repeat(np.arange(impressions, dtype=np.int64) * 1_000_000, len(forms)),
        np.tile(np.array(forms, np.int8), impressions),
        tuple(f"r{i}" for i in range(m)),
        tuple(f"u{i % 50}" for i in range(m)),
        plain(labels.ravel()),
    )


def test_the_family_that_matters_is_missed_and_the_other_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROUNDS", 30)
    done: list[int] = []
    base, effects = ablate(dataset(), FEATURES, QUICK, progress=done.append)
    assert base.keys() == {"shown", "padded"}
    assert min(base.values()) > 0.85
    by_name = {effect.name: effect for effect in effects}
    assert len(done) == len(variants(FEATURES, QUICK)) == len(effects)  # the base is no effect, the average is
    for interval in (by_name["without popularity"].shown, by_name["without popularity"].padded):
        assert interval is not None
        assert interval.high < -0.2
    assert abs(by_name["without context"].shown.mean) < 0.02
    assert abs(by_name[AVERAGE].shown.mean) < 0.02
    assert BY_NAME["weekday"].family == "context"
    assert by_name["fitted as shown only"].as_json().keys() == {
        "variant", "auc_shown", "auc_shown_95", "auc_padded", "auc_padded_95",
    }  # fmt: skip


def test_outdated_logs_are_judged_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROUNDS", 20)
    data = dataset(forms=tuple(Form))
    stale = np.repeat(data.forms == Form.OUTDATED, np.diff(data.offsets))
    data.rows[stale, 0] = np.random.default_rng(1).standard_normal(int(stale.sum()))  # what it knows tells nothing now
    base, effects = ablate(data, FEATURES, QUICK)
    assert base["shown"] > 0.75 > 0.55 > base["outdated"]
    missed = next(effect for effect in effects if effect.name == "without popularity")
    assert missed.outdated is not None and abs(missed.outdated.mean) < 0.05 < -missed.shown.mean
    assert "auc_outdated_95" in missed.as_json()


def test_slates_alone_are_judged_as_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROUNDS", 5)
    base, effects = ablate(dataset(forms=(Form.SHOWN,)), FEATURES, QUICK)
    assert base.keys() == {"shown"}
    assert all(effect.padded is effect.outdated is None for effect in effects)


def test_too_short_a_period_is_said(tmp_path: Path) -> None:
    short = dataset(impressions=1, forms=(Form.SHOWN,))
    with pytest.raises(InvalidInput, match="too short"):
        ablate(short, FEATURES, QUICK)
    with pytest.raises(InvalidInput, match="too short"):
        tune(short, FEATURES, QUICK, tmp_path / "study.db", until=0)


def test_a_study_begins_with_the_base_and_is_gone_on_with(tmp_path: Path) -> None:
    data, file = dataset(impressions=200, forms=(Form.SHOWN,)), tmp_path / "study.db"
    first = tune(data, FEATURES, QUICK, file, until=0)
    assert first.trials == 1
    assert first.params == QUICK
    assert first.auc == first.default_auc > 0.8
    ticks = iter([0, 0, 1, 1])
    done: list[int] = []
    second = tune(data, FEATURES, QUICK, file, until=1, progress=done.append, clock=lambda: next(ticks))
    assert second.trials == first.trials + len(done) == 3
    assert second.auc >= second.default_auc == first.auc
    assert len(set(SEEDS)) == 3
    (tmp_path / "no.db").write_text("this is no database, and long enough to be told from an empty one" * 20)
    with pytest.raises(InvalidInput, match="no study can be kept there"):
        tune(data, FEATURES, QUICK, tmp_path / "no.db", until=0)


def test_parameters_come_back_and_what_is_wrong_is_named(tmp_path: Path) -> None:
    file = tmp_path / "params.json"
    write_params(file, QUICK)
    assert read_params(file) == QUICK
    for text, words in (
        ("{", "no fit parameters"),
        ('{"leaves": 3}', "no fit parameter is named 'leaves'"),
        ('{"num_leaves": "many"}', "num_leaves"),
        ('{"objective": "regression"}', "objective 'regression' is not one of"),
    ):
        file.write_text(text)
        with pytest.raises(InvalidInput, match=words):
            read_params(file)
    with pytest.raises(InvalidInput, match="cannot be written"):
        write_params(tmp_path / "no" / "params.json", QUICK)
