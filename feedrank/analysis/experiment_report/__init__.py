"""A/B reports: from a store to what an experiment says, and plans for one from the same log.

    report = analyse(store, Question("ranker-7"), load_definitions())
    report.verdicts[0].sentence
    make_plan(store, Trial(effect=0.02), load_definitions())

Metrics are declared in metrics.toml; docs/ab_testing.md is the guide.
"""

from feedrank.analysis.experiment_report.analyse import Question, Report, analyse
from feedrank.analysis.experiment_report.definitions import Definitions, Metric, Quantity, Role, load_definitions
from feedrank.analysis.experiment_report.plan import Plan, Trial, make_plan
from feedrank.analysis.experiment_report.plan_page import plan_json, plan_page
from feedrank.analysis.experiment_report.report_page import report_json, report_page
from feedrank.analysis.experiment_report.verdict import Decision, Verdict

__all__ = [
    "Decision",
    "Definitions",
    "Metric",
    "Plan",
    "Quantity",
    "Question",
    "Report",
    "Role",
    "Trial",
    "Verdict",
    "analyse",
    "load_definitions",
    "make_plan",
    "plan_json",
    "plan_page",
    "report_json",
    "report_page",
]
