"""The life of a worker, around a made-up service: it binds when it is ready, and ends when it is told."""

import socket
import threading
from pathlib import Path

import grpc
import pytest

from feedrank.client import Client, RankCall
from feedrank.server.ports import Reservation, reserve
from feedrank.server.process import WorkerPlan, serve_until
from feedrank.v1 import feedrank_pb2 as pb
from feedrank.v1 import feedrank_pb2_grpc as rpc
from tests.unit.server.fakes import FakeService, Gate, eventually


def plan(reservation: Reservation, grace_s: float = 30.0) -> WorkerPlan:
    return WorkerPlan(Path("unused"), reservation.host, reservation.port, "worker-0", grace_s)


def listens(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


class Running:
    """`serve_until` in a thread."""

    def __init__(self, service: FakeService, plan: WorkerPlan) -> None:
        self.stop = threading.Event()
        self.finished: list[bool] = []
        self._thread = threading.Thread(target=lambda: self.finished.append(serve_until(self.stop, service, plan)))
        self._thread.start()

    def end(self) -> bool:
        self.stop.set()
        self._thread.join()
        return self.finished[0]


def test_the_port_opens_with_readiness_and_closes_with_the_drain(
    service: FakeService, capsys: pytest.CaptureFixture[str]
) -> None:
    service.is_ready = False
    with reserve("127.0.0.1", 0) as reservation:
        running = Running(service, plan(reservation))
        assert not listens(reservation.port) and capsys.readouterr().out == ""
        service.is_ready = True
        eventually(lambda: listens(reservation.port))
        with Client(str(reservation)) as client:
            client.wait_until_serving(30)
            assert client.rank(RankCall(limit=3)).items
        assert running.end() is True
        assert capsys.readouterr().out == "feedrank:ready\n"
        assert not listens(reservation.port) and service.closed_with is not None


def test_a_worker_may_be_stopped_before_it_is_ready(service: FakeService, capsys: pytest.CaptureFixture[str]) -> None:
    service.is_ready = False
    with reserve("127.0.0.1", 0) as reservation:
        assert Running(service, plan(reservation)).end() is True
    assert service.closed_with is not None and capsys.readouterr().out == ""


def test_requests_that_outlast_the_grace_period_are_told_of(service: FakeService) -> None:
    gate = Gate()
    service.on_rank = gate
    with reserve("127.0.0.1", 0) as reservation:
        running = Running(service, plan(reservation, grace_s=0.3))
        eventually(lambda: listens(reservation.port))
        with grpc.insecure_channel(str(reservation)) as channel:
            held = rpc.RankingServiceStub(channel).Rank.future(pb.RankRequest())
            gate.wait_for(1)
            assert running.end() is False
            assert held.exception(timeout=30) is not None
    gate.open()
