"""The instruments of several processes, summed on one page."""

import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from feedrank.errors import Conflict
from feedrank.server.metrics_page import MetricsPage

MEASURE = """
import os, sys
from feedrank.serving import metrics
metrics.observe_rpc("Rank", "OK", 0.004)
metrics.observe_stage("filters", 0.001)
metrics.observe_source("fresh", 0.001, 40)
metrics.count_degraded("no encoder")
metrics.set_log_lag(float(sys.argv[1]))
metrics.set_view_age(2.0)
metrics.observe_rankable(1.5)
print(os.getpid())
"""


def measure(directory: Path, lag_s: float) -> int:
    """Runs a process that measures, and gives its pid."""
    ended = subprocess.run(
        [sys.executable, "-c", MEASURE, str(lag_s)],
        env={"PROMETHEUS_MULTIPROC_DIR": str(directory)},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(ended.stdout)


def read(page: MetricsPage) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{page.port}/metrics") as reply:
        lines = reply.read().decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def test_counts_are_summed_and_gauges_are_those_of_the_living(tmp_path: Path) -> None:
    with MetricsPage("127.0.0.1", 0, tmp_path) as page:
        assert read(page) == {}
        pids = [measure(tmp_path, 3.0), measure(tmp_path, 7.0)]
        values = read(page)
        assert values['feedrank_rpcs_total{code="OK",rpc="Rank"}'] == 2
        assert values['feedrank_rpc_seconds_bucket{le="0.005",rpc="Rank"}'] == 2
        assert values['feedrank_rpc_seconds_bucket{le="0.002",rpc="Rank"}'] == 0
        assert values['feedrank_stage_seconds_count{stage="filters"}'] == 2
        assert values['feedrank_source_seconds_count{source="fresh"}'] == 2
        assert values['feedrank_source_candidates_total{source="fresh"}'] == 80
        assert values['feedrank_degraded_total{reason="no encoder"}'] == 2
        assert values["feedrank_upsert_to_rankable_seconds_count"] == 2
        assert values["feedrank_log_lag_seconds"] == 7
        assert values["feedrank_view_age_seconds"] == 2
        page.forget(pids[1])
        assert read(page)["feedrank_log_lag_seconds"] == 3
        assert read(page)['feedrank_rpcs_total{code="OK",rpc="Rank"}'] == 2


def test_a_taken_metrics_port_is_refused_by_number(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Conflict, match=f"metrics port {port} on 127.0.0.1"):
            MetricsPage("127.0.0.1", port, tmp_path)
