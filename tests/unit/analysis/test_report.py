"""The model report: the model beside the baselines, honest about what is not proven, with all its parts."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from feedrank.analysis.model_report.findings import SAMPLED, Findings, find_out, served_sample
from feedrank.analysis.model_report.report import model_page
from feedrank.analysis.page import render
from feedrank.features import fingerprint_of
from feedrank.registry import Registry
from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.training.audit.audited import score_period
from feedrank.training.audit.settings import AuditSettings
from feedrank.training.calibrate import reliability
from feedrank.training.drift import DayOfClicks, Shift
from feedrank.training.evaluate import Trial
from feedrank.training.forms import Form
from feedrank.types import DAY, HOUR
from tests.news_stream import T0, news_stream


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteStore]:
    folder = tmp_path_factory.mktemp("news")
    news_stream(impressions=400).write(folder)
    store = SqliteStore.open(folder, Settings())
    yield store
    store.close()


@pytest.fixture(scope="module")
def found(store: SqliteStore, tmp_path_factory: pytest.TempPathFactory) -> Findings:
    registry = Registry(tmp_path_factory.mktemp("models"), fingerprint_of)
    return find_out(store, registry, Trial("prior", T0 + 48 * HOUR), AuditSettings())


def test_the_page_tells_what_the_verdict_says(found: Findings) -> None:
    page = render(model_page(found, "python scripts/report.py"))
    judgement = found.verdict.judgement
    assert f"AUC {judgement.metrics.auc:.3f}" in page
    ahead = min(b.auc_gain.low for b in judgement.baselines.values()) > 0
    assert ("not proven ahead of every baseline" in page) is not ahead
    for name in judgement.baselines:
        assert f"<td>{name}</td>" in page
    assert "gives no click probability" in page
    assert "The form that is served" in page
    assert "<h2>Drift</h2>" not in page  # the prior was trained on nothing


def test_intervals_over_time_cover_every_impression(found: Findings) -> None:
    _, stretches = found.over_time
    assert 2 <= len(stretches) <= 21
    assert sum(s.impressions for s in stretches) == found.verdict.judgement.metrics.impressions
    assert all(s.auc.low <= s.auc.mean <= s.auc.high for s in stretches)


def test_probabilities_drift_and_warnings_have_their_place(found: Findings) -> None:
    measured = reliability(np.linspace(0.0, 1.0, 100), np.arange(100) % 2)
    verdict = replace(found.verdict, reliability=measured, warnings=("too good",))
    moved = [Shift("ctr_1h", 0.4, 0.0, 0.1), Shift("hour", 0.01, 0.0, 0.0)]
    whole = replace(found, verdict=verdict, shifts=moved, days=[DayOfClicks(19_000 * DAY, 10, 2, 1.0)])
    page = render(model_page(whole, ""))
    assert "1 of 2 inputs have shifted" in page and "Expected calibration error 0." in page
    assert "Bear in mind: too good" in page and "2.000" in page
    steady = render(model_page(replace(whole, shifts=moved[1:], days=[]), ""))
    assert "None of 1 inputs has shifted" in steady


def test_drift_is_measured_in_the_form_that_serves(store: SqliteStore, tmp_path: Path) -> None:
    scored = score_period(store, Registry(tmp_path, fingerprint_of), Trial("prior", T0 + 90 * HOUR))
    sample = served_sample(store, scored)
    assert 0 < len(sample) <= min(SAMPLED, len(scored.dataset))
    assert (sample.forms == Form.PADDED).all()
    assert np.diff(sample.offsets).max() > np.diff(scored.dataset.offsets).max()
