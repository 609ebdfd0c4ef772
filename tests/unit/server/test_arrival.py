"""When a call arrived: before its wait for a thread, for ranking to say in the slate how long it all took."""

import time

from feedrank.v1 import feedrank_pb2 as pb
from feedrank.v1 import feedrank_pb2_grpc as rpc
from tests.unit.server.fakes import FakeService, Gate, channel_to, eventually, serving


def test_a_call_brings_along_when_it_arrived_before_its_wait_for_a_thread(service: FakeService) -> None:
    gate = Gate()
    service.on_rank = gate
    with serving(service, threads=1) as server, channel_to(server) as channel:
        stub = rpc.RankingServiceStub(channel)
        first = stub.Rank.future(pb.RankRequest(user_id="first"))
        gate.wait_for(1)
        second = stub.Rank.future(pb.RankRequest(user_id="second"))
        eventually(lambda: server._admission.pool.calls == 2)
        waiting = time.perf_counter()
        gate.open()
        assert first.result().items and second.result().items
    (_, before), (_, after) = ((call.user_id, call.arrived_s) for call in service.calls)
    assert before is not None and after is not None and before < after < waiting
