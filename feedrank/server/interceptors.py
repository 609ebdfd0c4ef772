"""What happens around every feedrank RPC: undecodable and late requests are refused, errors become status, and each
call is counted and logged in one line without anything the caller sent.

Health and reflection pass untouched. Knows nothing of what the RPCs do.
"""

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import DecodeError

from feedrank.errors import InvalidInput
from feedrank.server.admission import Admission
from feedrank.server.errors import Status, internal_status, known_status
from feedrank.serving import metrics

_log = logging.getLogger("feedrank.rpc")
_PREFIX = "/feedrank."
RANK = "/feedrank.v1.RankingService/Rank"

Behaviour = Callable[[Any, grpc.ServicerContext], Any]  # grpc hands every request and reply over as Any
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"  # quoted: generic in the type stubs only


class _Undecodable:
    """Stands for a request whose bytes are no valid message, until the behaviour can refuse it with a proper status."""


_UNDECODABLE = _Undecodable()


class _TooLate(Exception):
    """The deadline passed while the request waited or was answered."""


class Edge(grpc.ServerInterceptor):
    """Wraps each feedrank handler once; later calls find the wrapped one. Rank calls that would wait too long get one
    that refuses them, on a thread of its own.
    """

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        refuse: Handler = grpc.unary_unary_rpc_method_handler(self._refuse, request_deserializer=bytes)
        self._refused = _on(admission.refusals, _wrap(refuse, "Rank"))
        self._wrapped: dict[str, Handler] = {}  # written from grpc's one serving thread only

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], "Handler | None"], details: grpc.HandlerCallDetails
    ) -> "Handler | None":
        """The handler grpc shall run: the wrapped one, or grpc's own for other services and unknown methods."""
        if details.method == RANK and not self._admission.admits():
            return self._refused
        wrapped = self._wrapped.get(details.method)
        if wrapped is not None:
            return wrapped
        handler = continuation(details)
        if handler is None or not details.method.startswith(_PREFIX):
            return handler
        wrapped = _wrap(handler, details.method.rpartition("/")[2])
        if details.method == RANK:
            wrapped = _on(self._admission.pool, wrapped)
        self._wrapped[details.method] = wrapped
        return wrapped

    def _refuse(self, request: Any, context: grpc.ServicerContext) -> Any:
        raise self._admission.refusal()


def _on(pool: ThreadPoolExecutor, handler: Handler) -> Handler:
    """The handler, run by a pool of its own: grpc looks for this attribute."""
    setattr(handler.unary_unary, "experimental_thread_pool", pool)  # noqa: B010 - functions declare no such attribute
    return handler


def _wrap(handler: Handler, rpc: str) -> Handler:
    if handler.unary_unary is not None:
        return grpc.unary_unary_rpc_method_handler(
            _unary(handler.unary_unary, rpc), _decoder(handler.request_deserializer), handler.response_serializer
        )
    if handler.unary_stream is not None:
        return grpc.unary_stream_rpc_method_handler(
            _stream(handler.unary_stream, rpc), _decoder(handler.request_deserializer), handler.response_serializer
        )
    raise NotImplementedError(f"{rpc} streams its requests; the contract has no such RPC")


def _unary(behaviour: Behaviour, rpc: str) -> Behaviour:
    def answer(request: Any, context: grpc.ServicerContext) -> Any:
        with _answering(rpc, context):
            _refuse_undecodable(request)
            _refuse_late(context)
            reply = behaviour(request, context)
            _refuse_late(context)  # nobody waits for it any longer
            return reply

    return answer


def _stream(behaviour: Behaviour, rpc: str) -> Behaviour:
    def answer(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        with _answering(rpc, context):
            _refuse_undecodable(request)
            _refuse_late(context)
            yield from behaviour(request, context)

    return answer


def _decoder(deserialize: Callable[[bytes], Any] | None) -> Callable[[bytes], Any]:
    if deserialize is None:
        raise NotImplementedError("a feedrank RPC without a request message")

    def decode(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError:
            return _UNDECODABLE  # not an error here: grpc would answer INTERNAL for what is the caller's fault

    return decode


def _refuse_undecodable(request: object) -> None:
    if request is _UNDECODABLE:
        raise InvalidInput("the request is not a valid protobuf message; strings must be UTF-8")


def _refuse_late(context: grpc.ServicerContext) -> None:
    """Work nobody waits for only delays the others, so a request that queued past its deadline is dropped."""
    left_s = context.time_remaining()
    if left_s is not None and left_s <= 0:
        raise _TooLate


@contextmanager
def _answering(rpc: str, context: grpc.ServicerContext) -> Iterator[None]:
    """Turns an error into the RPC's status, and counts and logs the outcome."""
    began = time.perf_counter()
    code = grpc.StatusCode.CANCELLED  # stands when a caller leaves a stream half read: GeneratorExit passes below
    try:
        yield
        code = grpc.StatusCode.OK
    except Exception as error:  # noqa: BLE001  # whatever it is, the caller gets a status and never a traceback
        status = _status_of(error, rpc)
        code = status.code
        context.abort(code, status.message)
    finally:
        seconds = time.perf_counter() - began
        metrics.observe_rpc(rpc, code.name, seconds)
        _log.info("answered", extra={"rpc": rpc, "code": code.name, "ms": round(seconds * 1000, 3)})


def _status_of(error: Exception, rpc: str) -> Status:
    if isinstance(error, _TooLate):
        return Status(grpc.StatusCode.DEADLINE_EXCEEDED, "the deadline has passed")
    known = known_status(error)
    if known is not None:
        return known
    error_id = uuid.uuid4().hex[:12]
    _log.error("internal error", extra={"rpc": rpc, "error_id": error_id}, exc_info=error)
    return internal_status(error_id)
