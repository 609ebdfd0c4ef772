"""Domain errors to gRPC status: what a caller is told, and whether it is told why.

The one place where errors meet transport codes. Knows nothing of services or logging.
"""

from dataclasses import dataclass

import grpc

from feedrank.errors import (
    Conflict,
    FeedRankError,
    InvalidInput,
    NotFound,
    Overloaded,
    RegistryError,
    StoreFull,
    Unavailable,
    UnknownItem,
)

MAX_MESSAGE_CHARACTERS = 1_000  # a status travels in headers, which are limited to 8 KiB in all

# Read downward, first match wins. Errors not listed are the service's own fault and get a generic message.
_CODES: tuple[tuple[type[FeedRankError], grpc.StatusCode], ...] = (
    (UnknownItem, grpc.StatusCode.NOT_FOUND),
    (InvalidInput, grpc.StatusCode.INVALID_ARGUMENT),
    (NotFound, grpc.StatusCode.NOT_FOUND),
    (Conflict, grpc.StatusCode.FAILED_PRECONDITION),
    (RegistryError, grpc.StatusCode.FAILED_PRECONDITION),
    (Unavailable, grpc.StatusCode.UNAVAILABLE),
    (StoreFull, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (Overloaded, grpc.StatusCode.RESOURCE_EXHAUSTED),
)


@dataclass(frozen=True, slots=True)
class Status:
    """A status code and its message, safe to send."""

    code: grpc.StatusCode
    message: str


def known_status(error: Exception) -> Status | None:
    """The status of an error its caller can act on, with its message; None for every other error."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return Status(code, _cut(str(error)))
    return None


def internal_status(error_id: str) -> Status:
    """The status of an error the caller can do nothing about. `error_id` finds it in the server's log."""
    return Status(grpc.StatusCode.INTERNAL, f"internal error {error_id}; the server's log says more under this id")


def _cut(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE_CHARACTERS else message[:MAX_MESSAGE_CHARACTERS] + "…"
