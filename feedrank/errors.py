"""The error tree. Domain errors carry no transport codes; the server maps them to gRPC status.

FeedRankError
├── InvalidInput          the caller sent something that can never succeed
│   └── UnknownItem       an item id the catalog has never held, where one is required
├── NotFound              a named model, experiment or user resource does not exist
├── Conflict              the request is well formed but the current state refuses it
├── Unavailable           a dependency is not ready; retrying later may succeed
├── Overloaded            more calls than can be answered in time; the same call may succeed a moment later
├── StoreError            the log could not be read or written
│   ├── StoreFull         the disk is full
│   └── StoreTooNew       the data directory was written by a newer feedrank
├── RegistryError         a model version is missing, altered or does not fit this code
└── PipelineError         a stage broke its contract or a filter failed
"""


class FeedRankError(Exception):
    """Root of every error feedrank raises on purpose."""


class InvalidInput(FeedRankError):
    """The caller's input is wrong: the message names the field, the value and the remedy."""


class UnknownItem(InvalidInput):
    """An item id was required to exist and does not."""


class NotFound(FeedRankError):
    """A named thing does not exist."""


class Conflict(FeedRankError):
    """The current state refuses a well-formed request."""


class Unavailable(FeedRankError):
    """A dependency is not ready; retrying later may succeed."""


class Overloaded(FeedRankError):
    """More calls than can be answered in time; the same call may succeed a moment later."""


class StoreError(FeedRankError):
    """The log could not be read or written."""


class StoreFull(StoreError):
    """The disk is full; nothing of the batch was kept."""


class StoreTooNew(StoreError):
    """The data directory was written by a newer feedrank."""


class RegistryError(FeedRankError):
    """A model version is missing, altered, or does not fit this code."""


class PipelineError(FeedRankError):
    """A stage broke its contract, or a filter failed: the request fails."""
