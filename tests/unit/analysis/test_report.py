"""The model report: the model beside the baselines, honest about what is not proven, with all its parts."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from feedrank.analysis.model_report.findings import Findings, find_out
from feedrank.analysis.model_report.report import model_page
from feedrank.analysis.page import render
from feedrank.features import fingerprint_of
from feedrank.registry import Registry
from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.training.audit.settings import AuditSettings
from feedrank.training.calibrate import reliability
from feedrank.training.evaluate import Trial
from feedrank.types import HOUR
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


def test_intervals_over_time_cover_every_impression(found: Findings) -> None:
    _, stretches = found.over_time
    assert 2 <= len(stretches) <= 21
    assert sum(s.impressions for s in stretches) == found.verdict.judgement.metrics.impressions
    assert all(s.auc.low <= s.auc.mean <= s.auc.high for s in stretches)


def test_probabilities_and_warnings_have_their_place(found: Findings) -> None:
    measured = reliability(np.linspace(0.0, 1.0, 100), np.arange(100) % 2)
    verdict = replace(found.verdict, reliability=measured, warnings=("too good",))
    page = render(model_page(replace(found, verdict=verdict), ""))
    assert "Expected calibration error 0." in page and "Bear in mind: too good" in page
