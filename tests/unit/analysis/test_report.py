"""The model report: the model beside the baselines, honest about what is not proven, with and without probabilities."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from feedrank.analysis.model_report.findings import Findings, reliability_of
from feedrank.analysis.model_report.report import model_page
from feedrank.analysis.model_report.standing import MODEL, delay_point, over_time, standings
from feedrank.analysis.page import render
from feedrank.errors import InvalidInput
from feedrank.pipeline.scorers import PriorScorer
from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.training.audit.audit import audit
from feedrank.training.audit.audited import Scored
from feedrank.training.audit.settings import AuditSettings
from feedrank.training.dataset import View, build
from feedrank.training.judge import judge_scorer, margins
from feedrank.training.period import END, read_period
from feedrank.training.slices import slice_table
from feedrank.types import F32, F64
from tests.news_stream import news_stream


class Calibrated(PriorScorer):
    """The prior, with a click probability that is the same for all."""

    def score(self, rows: F32) -> Mapping[str, F64]:
        return {**super().score(rows), "click_probability": np.full(len(rows), 1 / 8)}


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Scored:
    folder = tmp_path_factory.mktemp("news")
    news_stream(impressions=400).write(folder)
    store = SqliteStore.open(folder, Settings())
    try:
        period = read_period(store)
    finally:
        store.close()
    data, scorer = build(period.facts, period.examples, View()), Calibrated()
    return Scored("prior", scorer, None, 0.0, period, data, margins(data, scorer))


def findings(scored: Scored) -> Findings:
    data = scored.dataset
    return Findings(
        "prior", None, int(data.times[0]), int(data.times[-1]), len(data), 40, 0.0, standings(scored),
        over_time(scored), [delay_point(scored)], slice_table(data, scored.scores, resamples=50), [],
        reliability_of(scored), audit(scored.period, data, scored.scores, END, AuditSettings()), ["Beware"],
    )  # fmt: skip


def test_the_model_stands_first_with_what_a_judge_gives_it(scored: Scored) -> None:
    model, *others = standings(scored)
    judgement = judge_scorer(scored.dataset, scored.scorer)
    assert model.name == MODEL and model.behind is None
    assert model.metrics[0].mean == pytest.approx(judgement.metrics.auc)
    assert (model.metrics[0].low, model.metrics[0].high) == pytest.approx(judgement.auc_interval)
    aucs = [each.metrics[0].mean for each in others]
    assert aucs == sorted(aucs, reverse=True)
    for each in others:
        assert each.behind is not None
        assert each.behind.mean == pytest.approx(each.metrics[0].mean - model.metrics[0].mean)


def test_a_page_says_whether_the_model_is_proven_ahead(scored: Scored) -> None:
    page = render(model_page(findings(scored), "python scripts/report.py"))
    assert "ahead of every baseline" in page and "not proven" not in page
    assert "Beware" in page and "Expected calibration error" in page
    worse = replace(scored, scores=-scored.scores)
    page = render(model_page(findings(worse), "python scripts/report.py"))
    assert "not proven ahead of every baseline" in page


def test_probabilities_are_measured_only_where_there_are_any(scored: Scored) -> None:
    measured = reliability_of(scored)
    assert measured is not None and measured.error < 0.02  # one of eight is clicked
    plain = replace(scored, scorer=PriorScorer())
    assert reliability_of(plain) is None
    assert "gives no click probability" in render(model_page(findings(plain), ""))


def test_nothing_to_judge_by_is_said(scored: Scored) -> None:
    data = replace(scored.dataset, labels=np.zeros_like(scored.dataset.labels))
    with pytest.raises(InvalidInput, match="nothing to judge by"):
        standings(replace(scored, dataset=data))
