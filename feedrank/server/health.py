"""grpc.health.v1: whether this process serves, told to those who ask and to those who watch.

grpc's own HealthServicer sends to watchers while it holds its lock; a watcher that leaves at that moment waits for the
lock, and the whole server stands still. Here one thread sends, and holds nothing while it does. Knows nothing of why a
process serves or not.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

Answer = health_pb2.HealthCheckResponse
Send = Callable[[Answer | None], None]  # None ends the stream

_SERVING = Answer(status=Answer.SERVING)
_NOT_SERVING = Answer(status=Answer.NOT_SERVING)
_UNKNOWN = Answer(status=Answer.SERVICE_UNKNOWN)


@dataclass(slots=True, eq=False)
class _Watcher:
    known: bool  # it watches a service that is here
    send: Send
    told: Answer | None = None


class Health(health_pb2_grpc.HealthServicer):
    """NOT_SERVING until told otherwise; all `services`, and "" for the whole server, share one status."""

    def __init__(self, services: Iterable[str]) -> None:
        self._services = frozenset(("", *services))
        self._serving = False
        self._lock = threading.Lock()  # of the set of watchers
        self._watchers: set[_Watcher] = set()

    def set(self, serving: bool) -> None:
        """What `Check` answers from now on; watchers hear of it at the next `tell_watchers`."""
        self._serving = serving

    def tell_watchers(self, end: bool = False) -> None:
        """Sends the status to every watcher that has not heard it; `end` closes their streams. Call from one thread."""
        with self._lock:
            watchers = list(self._watchers)
        for watcher in watchers:
            answer = self._answer() if watcher.known else _UNKNOWN
            if watcher.told is not answer:
                watcher.told = answer
                watcher.send(answer)
            if end:
                watcher.send(None)

    def _answer(self) -> Answer:
        return _SERVING if self._serving else _NOT_SERVING

    def Check(self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext) -> Answer:
        """The status now."""
        if request.service not in self._services:
            context.abort(grpc.StatusCode.NOT_FOUND, "this server has no such service")
        return self._answer()

    def Watch(  # type: ignore[override]  # the base class gives an iterator back
        self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext, send: Send
    ) -> None:
        """The status now and whenever it changes. Returns at once: a watcher occupies no thread."""
        watcher = _Watcher(request.service in self._services, send)

        def leave() -> None:
            with self._lock:
                self._watchers.discard(watcher)

        with self._lock:
            self._watchers.add(watcher)
        if not context.add_callback(leave):  # it has left already
            leave()

    Watch.experimental_non_blocking = True  # type: ignore[attr-defined]  # grpc then hands over `send`
