"""What a backend in Python imports to call feedrank.

    with Client("127.0.0.1:50051") as client:
        feed = client.rank(RankCall(user_id="u-17", limit=10))

`AsyncClient` has the same methods for asyncio. Knows nothing of how feeds are made.
"""

from feedrank.client.aio import AsyncClient
from feedrank.client.blocking import Client
from feedrank.client.errors import DeadlineExceeded, ServerError
from feedrank.errors import Conflict, FeedRankError, InvalidInput, NotFound, Unavailable
from feedrank.pipeline.feed import Contribution, Explanation, Feed, FeedItem, RankCall, SimilarItem, StageTrace
from feedrank.pipeline.stages import RequestFilter
from feedrank.serving.api import Activation, ModelSummary, Status
from feedrank.store import Erasure, ExportedRow
from feedrank.types import Action, Context, Event, Item, ItemId, Personalization, Rejection, User, UserId, WriteResult

__all__ = [
    "Action",
    "Activation",
    "AsyncClient",
    "Client",
    "Conflict",
    "Context",
    "Contribution",
    "DeadlineExceeded",
    "Erasure",
    "Event",
    "Explanation",
    "ExportedRow",
    "Feed",
    "FeedItem",
    "FeedRankError",
    "InvalidInput",
    "Item",
    "ItemId",
    "ModelSummary",
    "NotFound",
    "Personalization",
    "RankCall",
    "Rejection",
    "RequestFilter",
    "ServerError",
    "SimilarItem",
    "StageTrace",
    "Status",
    "Unavailable",
    "User",
    "UserId",
    "WriteResult",
]
