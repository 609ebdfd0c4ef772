"""scripts/load_test.py as users run it, against a server whose answers are known."""

import importlib.util
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import grpc
import pytest
from typer.testing import CliRunner

from feedrank.v1 import feedrank_pb2 as pb
from feedrank.v1 import feedrank_pb2_grpc as rpc

SCRIPT = Path(__file__).parents[2] / "scripts" / "load_test.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("load_test_script", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Ranking(rpc.RankingServiceServicer):
    """Answers one item; refuses the user "refused"."""

    def __init__(self) -> None:
        self.heard: list[pb.RankRequest] = []

    def Rank(self, request: pb.RankRequest, context: grpc.ServicerContext) -> pb.RankResponse:
        self.heard.append(request)
        if request.user_id == "refused":
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no")
        return pb.RankResponse(items=[pb.RankedItem(item_id="a")], degraded=request.user_id == "poor")


@pytest.fixture
def server() -> Iterator[tuple[Ranking, str]]:
    ranking = Ranking()
    served = grpc.server(ThreadPoolExecutor(4))
    rpc.add_RankingServiceServicer_to_server(ranking, served)
    port = served.add_insecure_port("127.0.0.1:0")
    served.start()
    yield ranking, f"127.0.0.1:{port}"
    served.stop(None).wait()


def test_one_rate_is_reported_for_people_and_machines(
    script: ModuleType, server: tuple[Ranking, str], tmp_path: Path
) -> None:
    ranking, target = server
    users, json_file = tmp_path / "users.txt", tmp_path / "figures.json"
    users.write_text("poor\n", encoding="utf-8")
    options = [
        "--target",
        target,
        "--rate",
        "50",
        "--seconds",
        "0.4",
        "--arrivals",
        "even",
        "--warm-up",
        "0",
    ]
    done = CliRunner().invoke(script.app, [*options, "--limit", "7", "--users", str(users), "--json", str(json_file)])
    assert done.exit_code == 0, done.output
    assert len(ranking.heard) == 21  # one before, to see that the service is calm
    assert all((r.user_id, r.limit, r.dry_run) == ("poor", 7, True) for r in ranking.heard)
    point = json.loads(json_file.read_text(encoding="utf-8"))["points"][0]
    assert point["codes"] == {"OK": 20} and point["degraded_share"] == 1.0 and point["empty"] == 0
    assert 0 < point["latency_ms"]["p50"] <= point["latency_ms"]["max"]
    assert "degraded 100.0%" in done.output


def test_several_rates_are_drawn_and_refusals_counted(
    script: ModuleType, server: tuple[Ranking, str], tmp_path: Path
) -> None:
    _, target = server
    users, plot = tmp_path / "users.txt", tmp_path / "plot.svg"
    users.write_text("refused\nfine\n", encoding="utf-8")
    options = [
        "--target",
        target,
        "--rates",
        "40,80",
        "--seconds",
        "0.5",
        "--warm-up",
        "0",
        "--slates",
    ]
    done = CliRunner().invoke(script.app, [*options, "--users", str(users), "--plot", str(plot), "--json", "-"])
    assert done.exit_code == 0, done.output
    assert [p["rate"] for p in json.loads(done.stdout)["points"]] == [40.0, 80.0]
    assert all(p["codes"]["FAILED_PRECONDITION"] > 0 for p in json.loads(done.stdout)["points"])
    assert ET.parse(plot).getroot().tag.endswith("svg")
    assert not any(request.dry_run for request in server[0].heard)


def test_a_search_says_what_was_held(script: ModuleType, server: tuple[Ranking, str], tmp_path: Path) -> None:
    _, target = server
    users = tmp_path / "users.txt"
    users.write_text("refused\n", encoding="utf-8")
    options = [
        "--target",
        target,
        "--search",
        "--first",
        "16",
        "--seconds",
        "0.3",
        "--warm-up",
        "0",
    ]
    done = CliRunner().invoke(script.app, [*options, "--users", str(users)])
    assert done.exit_code == 1 and "held 0.0 calls a second" in done.output  # everything is refused


@pytest.mark.parametrize("options", [[], ["--rate", "5", "--search"], ["--rates", "5,x"], ["--rates", "5,-1"]])
def test_rates_that_make_no_sense_are_wrong_usage(script: ModuleType, options: list[str]) -> None:
    done = CliRunner().invoke(script.app, ["--target", "127.0.0.1:1", "--seconds", "1", *options])
    assert done.exit_code == 2


def test_a_file_without_users_is_wrong_input(script: ModuleType, tmp_path: Path) -> None:
    users = tmp_path / "users.txt"
    users.write_text("\n", encoding="utf-8")
    options = ["--target", "127.0.0.1:1", "--seconds", "1", "--rate", "1", "--users", str(users)]
    assert CliRunner().invoke(script.app, options).exit_code == 2
