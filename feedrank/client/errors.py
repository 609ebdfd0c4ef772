"""What a failed call raises: the domain's errors, found from the gRPC status.

FeedRankError
├── InvalidInput, NotFound, Conflict     as the service raised them
├── Unavailable                          not reachable, overloaded or starting; every retry failed
│   └── DeadlineExceeded                 the call's time was up
└── ServerError                          the service failed; its message carries the id to look for in its log

Knows nothing of which call failed.
"""

import grpc

from feedrank.errors import Conflict, FeedRankError, InvalidInput, NotFound, Unavailable


class DeadlineExceeded(Unavailable):
    """The call's time was up. Whether the service did what was asked is unknown; asking again is safe."""


class ServerError(FeedRankError):
    """The service failed in a way that the caller can do nothing about."""


_KINDS: dict[grpc.StatusCode, type[FeedRankError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidInput,
    grpc.StatusCode.OUT_OF_RANGE: InvalidInput,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.FAILED_PRECONDITION: Conflict,
    grpc.StatusCode.ABORTED: Conflict,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
}


def error_of(code: grpc.StatusCode, details: str | None) -> FeedRankError:
    """The error that a status stands for."""
    return _KINDS.get(code, ServerError)(details or code.name)
