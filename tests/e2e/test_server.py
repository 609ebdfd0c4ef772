"""`feedrank serve` as real processes: from upsert to feed, through crashes and drains, told in clean logs."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from feedrank.client import (
    Action,
    Client,
    Conflict,
    Context,
    Event,
    FeedRankError,
    InvalidInput,
    Item,
    ItemId,
    NotFound,
    Personalization,
    RankCall,
    RequestFilter,
    Unavailable,
    User,
    UserId,
)
from feedrank.records import Kind
from feedrank.server.ports import reserve
from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.types import HOUR, SECOND, Micros

PATIENCE_S = 60.0  # for anything that must come true; a machine under load is slow, not wrong
USER = UserId("user-8d2f1c")
QUERY = "a very private question"


@dataclass(frozen=True, slots=True)
class Serving:
    """A running `feedrank serve`."""

    process: "subprocess.Popen[str]"
    target: str
    data_dir: Path
    stderr: Path

    def log_lines(self) -> list[dict[str, object]]:
        """What the processes logged; every line must be a JSON object."""
        return [json.loads(line) for line in self.stderr.read_text().splitlines()]

    def worker_pids(self) -> dict[str, int]:
        """The workers that beat within the last second."""
        store = SqliteStore.open(self.data_dir, Settings())
        try:
            return {w.worker_id: w.pid for w in store.workers(now() - SECOND) if w.worker_id.startswith("worker")}
        finally:
            store.close()


def now() -> Micros:
    return time.time_ns() // 1000


def eventually(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < give_up, "it never came to hold"
        time.sleep(0.05)


@contextmanager
def launched(data_dir: Path, *options: str, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    """`feedrank serve` on a free port, its log in DATA_DIR.log; ended at the latest when the test is."""
    command = [sys.executable, "-m", "feedrank", "serve", "--data-dir", str(data_dir), "--port", "0"]
    models = {"FEEDRANK_MODELS_DIR": str(data_dir.parent / "models")}
    with data_dir.with_suffix(".log").open("w") as log:
        process = subprocess.Popen(
            [*command, *(options if "--indexer" in options else (*options, "--no-indexer"))],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=os.environ | models | environment,
        )
        with process:
            try:
                yield process
            finally:
                process.terminate()
                try:
                    process.wait(PATIENCE_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    raise


@contextmanager
def served(data_dir: Path, *options: str, **environment: str) -> Iterator[Serving]:
    """`feedrank serve`, once it has said that it serves."""
    with launched(data_dir, *options, **environment) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("feedrank is serving on 127.0.0.1:"), data_dir.with_suffix(".log").read_text()
        yield Serving(process, line.split()[-1], data_dir, data_dir.with_suffix(".log"))


def stop(serving: Serving) -> int:
    """Asks for the end and gives the exit code; nothing more may have been printed."""
    serving.process.send_signal(signal.SIGTERM)
    code = serving.process.wait(PATIENCE_S)
    assert serving.process.stdout is not None and serving.process.stdout.read() == ""
    return code


def articles(count: int) -> list[Item]:
    return [
        Item(
            ItemId(f"a{n}"),
            title=f"Article {n}",
            category=("sport", "politics", "culture")[n % 3],
            source=f"source {n % 5}",
            published_at=now() - n * HOUR // 10,
        )
        for n in range(count)
    ]


def click(user: str, item: str, event_id: str = "") -> Event:
    return Event(event_id, UserId(user), 0, Action.CLICK, item)


def test_from_upsert_to_feed_and_back_out_again(tmp_path: Path) -> None:
    with served(tmp_path / "data", "--workers", "2") as serving, Client(serving.target) as client:
        client.wait_until_serving(PATIENCE_S)
        assert client.rank(RankCall(user_id=USER)).items == ()  # an empty catalog is no error
        written = client.upsert_items([*articles(60), Item(ItemId("")), Item(ItemId("big"), title="x" * 9_000)])
        assert written.accepted == 60 and [r.index for r in written.rejected] == [60, 61]
        assert client.upsert_items(articles(1)[:1]).rejected == ()
        # Every worker follows the log by itself: asking on all connections, each must come to know all items.
        eventually(lambda: all(len(client.rank(RankCall(limit=200)).items) == 60 for _ in range(8)))

        assert client.upsert_users([User(USER, region="DK-84")]).accepted == 1
        events = [click(USER, "a3", "e1"), click(USER, "a6"), click(USER, "a3", "e1"), click(USER, "never-upserted")]
        recorded = client.record_events(events)
        assert (recorded.accepted, recorded.duplicates) == (3, 1)
        eventually(lambda: all("a3" not in ids(client, RankCall(user_id=USER, limit=200)) for _ in range(8)))

        feed = client.rank(RankCall(user_id=USER, limit=5, explain=True, request_id="r-1"))
        assert (len(feed.items), feed.request_id, feed.model_version) == (5, "r-1", "prior")
        assert [item.position for item in feed.items] == [1, 2, 3, 4, 5]
        for item in feed.items:
            assert item.sources and item.explanation is not None
            parts = sum(part.contribution for part in item.explanation.contributions) + item.explanation.base
            assert parts == pytest.approx(item.score, abs=1e-4)

        pages = [
            page.items for _, page in zip(range(3), client.rank_pages(RankCall(user_id=USER, limit=10)), strict=False)
        ]
        seen = [item.item_id for page in pages for item in page]
        assert len(seen) == 30 == len(set(seen))

        wanted = RankCall(user_id=USER, limit=50, filter=RequestFilter(include_categories=("sport",)))
        assert ids(client, wanted) <= {f"a{n}" for n in range(0, 60, 3)}
        assert ids(client, RankCall(candidate_ids=("a1", "a2", "unknown"))) == {"a1", "a2"}
        assert {trace.verdict for trace in client.debug(RankCall(user_id=USER), "a3")} >= {"dropped"}
        client.similar_items("a1", limit=5)

        assert client.delete_items(["a1", "no such item"]).accepted == 1
        eventually(lambda: all("a1" not in ids(client, RankCall(limit=200)) for _ in range(8)))

        assert len([row for row in client.export_user(USER) if "a3" in row.json]) >= 1
        client.set_personalization(USER, Personalization.OFF)
        erasure = client.erase_user(USER)
        assert erasure.records_erased > 0 and erasure.complete_by > now()
        assert client.erase_user(USER).records_erased == 0
        assert not [row for row in client.export_user(USER) if "a3" in row.json]
        assert stop(serving) == 0


def ids(client: Client, call: RankCall) -> set[str]:
    return {item.item_id for item in client.rank(call).items}


def test_what_cannot_be_done_is_said_in_the_domains_words(tmp_path: Path) -> None:
    with served(tmp_path / "data") as serving, Client(serving.target) as client:
        with pytest.raises(InvalidInput, match="limit 0 lies outside"):
            client.rank(RankCall(limit=0))
        with pytest.raises(InvalidInput, match="limit 1000000000 lies outside"):
            client.rank(RankCall(limit=10**9))
        with pytest.raises(InvalidInput, match="page_token"):
            client.rank(RankCall(page_token="forged"))
        with pytest.raises((NotFound, InvalidInput), match="no-such-item"):
            client.similar_items("no-such-item")
        with pytest.raises((NotFound, Conflict)):
            client.activate_model("no-such-model")
        with pytest.raises((NotFound, Conflict)):
            client.rollback_model("no-such-model")
        assert client.list_models() == ()
        with pytest.raises(InvalidInput, match="user_id is empty"):
            client.erase_user("")
        future = Event("", USER, now() + 24 * HOUR, Action.CLICK, "a1")
        past = Event("", USER, SECOND, Action.CLICK, "a1")
        rejected = client.record_events([future, past, Event("", USER, 0, Action.SEARCH)]).rejected
        assert [r.index for r in rejected] == [0, 1, 2]
        assert "ahead" in rejected[0].reason and "2000" in rejected[1].reason and "query" in rejected[2].reason
        options = [("grpc.max_receive_message_length", -1)]
        with grpc.insecure_channel(serving.target, options=options) as channel:
            upsert: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
                "/feedrank.v1.IngestService/UpsertItems"
            )
            for data, code in (
                (b"\x0a\x04\x0a\x02\xff\xfe", grpc.StatusCode.INVALID_ARGUMENT),
                (b"\x0a" * 10_000_000, grpc.StatusCode.RESOURCE_EXHAUSTED),
            ):
                with pytest.raises(grpc.RpcError) as refused:
                    upsert(data)
                assert refused.value.code() is code and "Traceback" not in (refused.value.details() or "")
        status = client.status()
        assert (status.items, status.model_version) == (0, "prior") and status.version
        assert status.degraded_reasons  # there is no indexer, and it says so
        assert stop(serving) == 0


def test_the_clients_guide_runs_as_it_is_written(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "client.md").read_text()
    examples = re.findall(r"^```python\n(.*?)^```$", guide, re.DOTALL | re.MULTILINE)
    assert len(examples) == guide.count("```python") == 7
    with served(tmp_path / "data") as serving:
        for example in examples:
            code = example.replace("127.0.0.1:50051", serving.target)
            ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
            assert ran.returncode == 0, f"{code}\n{ran.stderr}"


def test_metrics_are_those_of_all_workers_together(tmp_path: Path) -> None:
    with reserve("127.0.0.1", 0) as reservation:
        port = reservation.port
    with (
        served(tmp_path / "data", "--workers", "2", "--metrics-port", str(port)) as serving,
        Client(serving.target, connections=8) as client,
    ):
        for _ in range(40):
            client.rank(RankCall(user_id=USER))
        with pytest.raises(InvalidInput):
            client.rank(RankCall(limit=0))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as reply:
            page = reply.read().decode()
        values = {
            name: float(value) for name, _, value in (x.rpartition(" ") for x in page.splitlines() if x[0] != "#")
        }
        assert values['feedrank_rpcs_total{code="OK",rpc="Rank"}'] == 40
        assert values['feedrank_rpcs_total{code="INVALID_ARGUMENT",rpc="Rank"}'] == 1
        assert values['feedrank_rpc_seconds_count{rpc="Rank"}'] == 41
        assert values['feedrank_stage_seconds_count{stage="filters"}'] >= 40
        assert values['feedrank_source_seconds_count{source="fresh"}'] >= 40
        assert values["feedrank_log_lag_seconds"] >= 0 and values["feedrank_view_age_seconds"] >= 0
        assert USER not in page
        assert stop(serving) == 0


def test_a_drain_under_load_drops_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Callers rank and write until the service is gone. What was acknowledged is on disk; what fails, fails clearly."""
    data_dir = tmp_path / "data"
    acknowledged: list[str] = []
    errors: list[FeedRankError] = []
    ranked = [0]

    with served(data_dir, "--workers", "2") as serving:
        with Client(serving.target) as client:
            client.upsert_items(articles(50))

        def rank() -> None:
            with Client(serving.target) as client:
                try:
                    while True:
                        client.rank(RankCall(user_id=USER, limit=10))
                        ranked[0] += 1
                except FeedRankError as error:
                    errors.append(error)

        def write(writer: int) -> None:
            with Client(serving.target) as client:
                try:
                    for n in range(1_000_000):
                        batch = [click(f"user-{writer}", f"a{n % 50}", f"{writer}-{n}-{m}") for m in range(5)]
                        assert client.record_events(batch, timeout_s=2.0).rejected == ()
                        acknowledged.extend(event.event_id for event in batch)
                except FeedRankError as error:
                    errors.append(error)

        callers = [threading.Thread(target=rank) for _ in range(4)]
        callers += [threading.Thread(target=write, args=(n,)) for n in range(4)]
        for caller in callers:
            caller.start()
        eventually(lambda: ranked[0] > 200 and len(acknowledged) > 500)
        assert stop(serving) == 0
        for caller in callers:
            caller.join()
        assert not [line for line in serving.log_lines() if line["level"] in ("error", "critical")]

    assert len(errors) == len(callers)
    assert all(isinstance(error, Unavailable) for error in errors)  # its subclass DeadlineExceeded included
    store = SqliteStore.open(data_dir, Settings())
    stored: list[str] = []
    after = 0
    while records := store.read(after, 10_000):
        after = records[-1].offset
        stored += [record.payload.decode("latin-1") for record in records if record.kind == Kind.EVENT]
    store.close()
    kept = len(stored)
    assert kept >= len(acknowledged)
    assert len(set(acknowledged)) == len(acknowledged)
    whole = "\n".join(stored)
    assert not [event_id for event_id in acknowledged if event_id not in whole]


def test_a_worker_that_is_killed_comes_back_and_callers_notice_nothing(tmp_path: Path) -> None:
    with served(tmp_path / "data", "--workers", "2") as serving:
        with Client(serving.target) as client:
            client.upsert_items(articles(20))
        eventually(lambda: len(serving.worker_pids()) == 2)
        before = serving.worker_pids()
        errors: list[FeedRankError] = []
        answered = [0]
        done = threading.Event()

        def rank() -> None:
            with Client(serving.target) as client:
                while not done.is_set():
                    try:
                        client.rank(RankCall(user_id=USER, limit=5), timeout_s=30)
                        answered[0] += 1
                    except FeedRankError as error:
                        errors.append(error)
                        return

        callers = [threading.Thread(target=rank) for _ in range(4)]
        for caller in callers:
            caller.start()
        eventually(lambda: answered[0] > 50)
        os.kill(before["worker-0"], signal.SIGKILL)
        eventually(lambda: serving.worker_pids().get("worker-0", before["worker-0"]) != before["worker-0"])
        so_far = answered[0]
        eventually(lambda: answered[0] > so_far + 50 or bool(errors))
        done.set()
        for caller in callers:
            caller.join()
        assert errors == []
        assert serving.worker_pids()["worker-1"] == before["worker-1"]
        (line,) = [line for line in serving.log_lines() if line["level"] == "error"]
        assert (line["child"], line["exit"]) == ("worker-0", -9)
        assert stop(serving) == 0


@pytest.mark.parametrize("encoder", ["none", "/no/such/folder"])
def test_the_indexer_runs_beside_the_workers_who_do_without_it(tmp_path: Path, encoder: str) -> None:
    with (
        served(tmp_path / "data", "--indexer", FEEDRANK_ENCODER=encoder) as serving,
        Client(serving.target) as client,
    ):
        client.upsert_items(articles(5))
        eventually(lambda: client.status().encoder_state != "no indexer is running")
        assert encoder in client.status().encoder or encoder in client.status().encoder_state
        eventually(lambda: len(ids(client, RankCall(limit=5))) == 5)
        assert stop(serving) == 0


def test_children_do_not_outlive_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    with served(tmp_path / "data", "--workers", "2") as serving:
        eventually(lambda: len(serving.worker_pids()) == 2)
        pids = serving.worker_pids().values()
        serving.process.kill()
        serving.process.wait()
        eventually(lambda: not [pid for pid in pids if Path(f"/proc/{pid}").exists()])


def test_the_end_may_come_before_the_beginning(tmp_path: Path) -> None:
    with launched(tmp_path / "data") as process:
        eventually(lambda: (tmp_path / "data").exists())  # the supervisor is at work, no worker is ready
        time.sleep(0.3)
        process.terminate()
        assert process.wait(PATIENCE_S) in (0, -signal.SIGTERM)
        assert process.stdout is not None and process.stdout.read() == ""


def test_interrupting_twice_does_not_wait_for_the_drain(tmp_path: Path) -> None:
    with served(tmp_path / "data", "--grace", "600") as serving:
        serving.process.send_signal(signal.SIGINT)
        serving.process.send_signal(signal.SIGINT)
        serving.process.wait(PATIENCE_S)


def test_a_model_that_cannot_be_loaded_ends_it_all_in_one_line(tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / "aliases.json").write_text("no json")
    with launched(tmp_path / "data", "--workers", "2") as process:
        assert process.wait(PATIENCE_S) == 2
        assert process.stdout is not None and process.stdout.read() == ""
    lines = [line for line in (tmp_path / "data.log").read_text().splitlines() if not line.startswith("{")]
    assert len(lines) == 1 and lines[0].startswith("feedrank: ") and "aliases.json" in lines[0]


def test_nothing_of_a_user_is_in_any_log_line(tmp_path: Path) -> None:
    with served(tmp_path / "data", "--log-level", "debug") as serving, Client(serving.target) as client:
        client.upsert_items(articles(10))
        client.upsert_users([User(USER, region="Private City", attributes={"a": "secret-attribute"})])
        client.record_events(
            [
                click(USER, "a1"),
                click(USER, "a1" * 200),
                Event("", USER, 0, Action.SEARCH, query=QUERY),
                Event("", USER, 0, Action.DWELL, "a1", value=float("nan")),
            ]
        )
        client.rank(RankCall(user_id=USER, context=Context(region="Private City", session_id="session-4711")))
        client.rank(RankCall(user_id="user-never-seen", explain=True))
        for wrong in (RankCall(user_id=USER, limit=0), RankCall(user_id=USER + "x" * 300)):
            with pytest.raises(InvalidInput):
                client.rank(wrong)
        client.debug(RankCall(user_id=USER), "a1")
        list(client.export_user(USER))
        client.set_personalization(USER, Personalization.OFF)
        client.erase_user(USER)
        assert stop(serving) == 0
        assert {line["process"] for line in serving.log_lines()} >= {"worker-0"}
    text = (tmp_path / "data.log").read_text()
    for secret in (USER, QUERY, "Private City", "secret-attribute", "session-4711", "user-never-seen"):
        assert secret not in text
