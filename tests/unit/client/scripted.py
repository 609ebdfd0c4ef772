"""A gRPC server that answers each call with the next line of a script, and keeps what it was sent."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
from google.protobuf.message import Message

Outcome = Message | Sequence[Message] | tuple[grpc.StatusCode, str] | Callable[[], Message]


@dataclass
class Script(grpc.GenericRpcHandler):
    """`outcomes` in order; the last one is repeated. Replies to a streamed RPC are sequences."""

    outcomes: list[Outcome]
    received: list[bytes] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)
    peers: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def service(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
        if details.method.endswith("/ExportUser"):
            return grpc.unary_stream_rpc_method_handler(self._stream)
        self.methods.append(details.method)
        return grpc.unary_unary_rpc_method_handler(self._unary)

    def _next(self, request: bytes, context: grpc.ServicerContext) -> Outcome:
        with self.lock:
            self.received.append(request)
            self.peers.add(context.peer())
            outcome = self.outcomes[min(len(self.received), len(self.outcomes)) - 1]
        if callable(outcome):
            outcome = outcome()
        if isinstance(outcome, tuple) and isinstance(outcome[0], grpc.StatusCode):
            context.abort(outcome[0], outcome[1])
        return outcome

    def _unary(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        outcome = self._next(request, context)
        assert isinstance(outcome, Message)
        return outcome.SerializeToString()

    def _stream(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        outcome = self._next(request, context)
        assert isinstance(outcome, Sequence)
        for message in outcome:
            assert isinstance(message, Message)
            yield message.SerializeToString()


@contextmanager
def answering(*outcomes: Outcome, target: str = "127.0.0.1:0") -> Iterator[tuple[str, Script]]:
    """The target of a server that follows the script, and the script. Port 0 takes a free one."""
    script = Script(list(outcomes))
    server = grpc.server(futures.ThreadPoolExecutor(8), handlers=[script])
    port = server.add_insecure_port(target)
    server.start()
    try:
        yield f"127.0.0.1:{port}", script
    finally:
        server.stop(0).wait()
