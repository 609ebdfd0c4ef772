"""One gRPC server around one Service: started, SERVING while the service is ready, drained without dropping a request.

Knows nothing of processes and signals (see `process`), nor of what the service does.
"""

import threading
import time
from concurrent import futures

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from feedrank.errors import Conflict
from feedrank.server.admission import RANK_THREADS, Admission, RankPool
from feedrank.server.health import Health
from feedrank.server.interceptors import Edge
from feedrank.server.services.admin import AdminServicer
from feedrank.server.services.ingest import IngestServicer
from feedrank.server.services.privacy import PrivacyServicer
from feedrank.server.services.ranking import RankingServicer
from feedrank.serving.api import Service
from feedrank.v1 import feedrank_pb2 as pb
from feedrank.v1 import feedrank_pb2_grpc as rpc

MAX_MESSAGE_BYTES = 8 * 1024 * 1024
THREADS = 16  # of all calls but Rank: they wait on the disk while group commit gathers them
MAX_PENDING = 512  # beyond this a queue only makes every answer late, so callers are told to back off
_CHECK_READY_S = 0.05
_LAME_DUCK_S = 0.1  # between NOT_SERVING and closing the port, for health watchers to hear of it first
_CANCEL_S = 2.0  # for requests cut off at the end of the grace period to be told so
_FLUSH_S = 2.0  # what the service may take to close even when requests used the whole grace period
_CONNECTION_AGE_MS = 10 * 60 * 1000  # connections move now and then, so that workers on one port share the load again
_CONNECTION_GRACE_MS = 60 * 1000

SERVICES = tuple(sorted(service.full_name for service in pb.DESCRIPTOR.services_by_name.values()))


class FeedServer:
    """Serves `service` on `host`:`port`; port 0 takes a free one, to be read from `.port`.

    Several processes may serve on one port. Raises Conflict when the address cannot be bound.
    """

    def __init__(
        self,
        service: Service,
        host: str,
        port: int,
        threads: int = THREADS,
        max_pending: int = MAX_PENDING,
        rank_threads: int = RANK_THREADS,
    ) -> None:
        self._service = service
        self._stopping = threading.Event()
        self._admission = Admission(RankPool(rank_threads))
        self._pool = futures.ThreadPoolExecutor(threads, thread_name_prefix="rpc")
        self._server = grpc.server(
            self._pool,
            interceptors=[Edge(self._admission)],
            maximum_concurrent_rpcs=max_pending,
            options=[
                ("grpc.so_reuseport", 1),
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_send_message_length", -1),
                ("grpc.max_connection_age_ms", _CONNECTION_AGE_MS),
                ("grpc.max_connection_age_grace_ms", _CONNECTION_GRACE_MS),
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.min_ping_interval_without_data_ms", 20_000),
            ],
        )
        self._health = Health(SERVICES)
        self._readiness = threading.Thread(target=self._follow_readiness, name="readiness", daemon=True)
        self._register()
        self.port = self._bind(host, port)

    def _register(self) -> None:
        rpc.add_RankingServiceServicer_to_server(RankingServicer(self._service, self._admission), self._server)
        rpc.add_IngestServiceServicer_to_server(IngestServicer(self._service), self._server)
        rpc.add_PrivacyServiceServicer_to_server(PrivacyServicer(self._service), self._server)
        rpc.add_AdminServiceServicer_to_server(AdminServicer(self._service), self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection([*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME], self._server)

    def _bind(self, host: str, port: int) -> int:
        shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            bound = self._server.add_insecure_port(shown)
        except RuntimeError as error:
            raise Conflict(f"{shown} cannot be bound; is the port in use? Choose another with --port") from error
        if bound == 0:
            raise Conflict(f"{shown} cannot be bound; is the port in use? Choose another with --port")
        return bound

    def start(self) -> None:
        """Accepts requests from here on; health says SERVING once the service is ready."""
        self._server.start()
        self._readiness.start()

    def _follow_readiness(self) -> None:
        while True:
            self._health.set(self._service.ready())
            self._health.tell_watchers()
            if self._stopping.wait(_CHECK_READY_S):
                break
        self._health.set(False)
        self._health.tell_watchers(end=True)

    def drain(self, grace_s: float) -> bool:
        """Stops: NOT_SERVING, no new requests, those under way finish within `grace_s`, then the service is closed.

        True when every request under way finished. Else some of their threads may still run.
        """
        give_up = time.monotonic() + grace_s
        self._stopping.set()
        self._readiness.join(_LAME_DUCK_S)
        time.sleep(_LAME_DUCK_S)
        finished = self._server.stop(grace_s + _CANCEL_S).wait(max(give_up - time.monotonic(), 0.0))
        if not finished:
            self._server.stop(0).wait(_CANCEL_S)
        self._service.close(max(give_up - time.monotonic(), _FLUSH_S))
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._admission.close()
        return finished
