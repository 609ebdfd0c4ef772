"""The log and what is kept by key beside it."""

from feedrank.store.protocol import (
    Account,
    Erasure,
    ExportedRow,
    HistoryCursor,
    LogStore,
    NewVector,
    StoredSlate,
    StoredVectors,
    UserHistory,
    WorkerStatus,
)

__all__ = [
    "Account",
    "Erasure",
    "ExportedRow",
    "HistoryCursor",
    "LogStore",
    "NewVector",
    "StoredSlate",
    "StoredVectors",
    "UserHistory",
    "WorkerStatus",
]
