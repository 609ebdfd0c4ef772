"""The asyncio client: one method an RPC, in the domain's words.

Every method takes `timeout_s`, the time for one RPC with its retries, and raises the errors of `client.errors`. To be
used in the event loop it was made in. Knows nothing of what an ask says.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import TypeVar

import grpc
import grpc.aio

from feedrank.client import asks, encode
from feedrank.client.asks import Ask
from feedrank.client.channel import CONNECTIONS, DEFAULT_TARGET, channel_options
from feedrank.client.decode import merged
from feedrank.client.errors import DeadlineExceeded, error_of
from feedrank.errors import InvalidInput, Unavailable
from feedrank.pipeline.feed import Feed, RankCall, SimilarItem, StageTrace
from feedrank.pipeline.stages import RequestFilter
from feedrank.serving.api import Activation, ModelSummary, Status
from feedrank.store import Erasure, ExportedRow
from feedrank.types import Context, Event, Item, Personalization, User, WriteResult

T = TypeVar("T")


class AsyncClient:
    """Connections to one service, made when first used; `async with AsyncClient(target) as client:` closes them."""

    def __init__(self, target: str = DEFAULT_TARGET, *, connections: int = CONNECTIONS) -> None:
        if connections < 1:
            raise InvalidInput(f"connections {connections} is less than 1")
        self._channels = [grpc.aio.insecure_channel(target, options=channel_options()) for _ in range(connections)]
        self._turns = itertools.cycle(self._channels)

    async def close(self) -> None:
        """Closes the connections; calls under way are cancelled."""
        for channel in self._channels:
            await channel.close()

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def rank(self, call: RankCall, *, timeout_s: float | None = None) -> Feed:
        """A user's feed."""
        return await self._answer(asks.rank(call), timeout_s)

    async def rank_pages(self, call: RankCall, *, timeout_s: float | None = None) -> AsyncIterator[Feed]:
        """A user's feed page by page, without repeats, until it ends. A page leads to the next for 30 minutes."""
        page = await self.rank(call, timeout_s=timeout_s)
        yield page
        while page.next_page_token:
            page = await self.rank(encode.next_page(call, page.next_page_token), timeout_s=timeout_s)
            yield page

    async def similar_items(
        self,
        item_id: str,
        *,
        limit: int = 20,
        filter: RequestFilter = RequestFilter(),
        context: Context = Context(),
        timeout_s: float | None = None,
    ) -> tuple[SimilarItem, ...]:
        """Items that readers of one item also read, and items whose text is near to it."""
        return await self._answer(asks.similar_items(item_id, limit, filter, context), timeout_s)

    async def debug(self, call: RankCall, item_id: str, *, timeout_s: float | None = None) -> tuple[StageTrace, ...]:
        """What each stage did with one item in one user's feed."""
        return await self._answer(asks.debug(call, item_id), timeout_s)

    async def upsert_items(self, items: Sequence[Item], *, timeout_s: float | None = None) -> WriteResult:
        """Stores items; more than one request may hold are sent as several, one after the other."""
        return merged([await self._answer(ask, timeout_s) for ask in asks.upsert_items(items)])

    async def delete_items(self, item_ids: Sequence[str], *, timeout_s: float | None = None) -> WriteResult:
        """Takes items out of every feed."""
        return merged([await self._answer(ask, timeout_s) for ask in asks.delete_items(item_ids)])

    async def upsert_users(self, users: Sequence[User], *, timeout_s: float | None = None) -> WriteResult:
        """Stores what is told of users."""
        return merged([await self._answer(ask, timeout_s) for ask in asks.upsert_users(users)])

    async def record_events(self, events: Sequence[Event], *, timeout_s: float | None = None) -> WriteResult:
        """Records what users did; an event without an id or a time (0) gets both here."""
        return merged([await self._answer(ask, timeout_s) for ask in asks.record_events(events)])

    async def erase_user(self, user_id: str, *, timeout_s: float | None = None) -> Erasure:
        """Deletes everything stored of a user."""
        return await self._answer(asks.erase_user(user_id), timeout_s)

    def export_user(self, user_id: str, *, timeout_s: float | None = None) -> AsyncIterator[ExportedRow]:
        """Everything stored of a user, as it arrives."""
        return self._stream(asks.export_user(user_id), timeout_s)

    async def set_personalization(
        self, user_id: str, value: Personalization, *, timeout_s: float | None = None
    ) -> None:
        """Records a user's choice: ON or OFF."""
        await self._answer(asks.set_personalization(user_id, value), timeout_s)

    async def list_models(self, *, timeout_s: float | None = None) -> tuple[ModelSummary, ...]:
        """The registered model versions."""
        return await self._answer(asks.list_models(), timeout_s)

    async def activate_model(self, model: str, *, timeout_s: float | None = None) -> Activation:
        """Swaps to NAME or NAME@VERSION in every worker."""
        return await self._answer(asks.activate_model(model), timeout_s)

    async def rollback_model(self, name: str, *, timeout_s: float | None = None) -> Activation:
        """Swaps back to the version before."""
        return await self._answer(asks.rollback_model(name), timeout_s)

    async def status(self, *, timeout_s: float | None = None) -> Status:
        """How the service does."""
        return await self._answer(asks.status(), timeout_s)

    async def wait_until_serving(self, timeout_s: float = 60.0) -> None:
        """Returns once the service answers requests. Raises DeadlineExceeded when it does not within `timeout_s`."""
        give_up = time.monotonic() + timeout_s
        cause: Unavailable | None = None
        while time.monotonic() < give_up:
            try:
                if await self._answer(asks.serving(), None):
                    return
            except Unavailable as error:
                cause = error
            await asyncio.sleep(asks.CHECK_SERVING_S)
        raise DeadlineExceeded(f"the service did not serve within {timeout_s:g} s") from cause

    async def _answer(self, ask: Ask[T], timeout_s: float | None) -> T:
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = next(self._turns).unary_unary(ask.path)
        timeout_s = ask.timeout_s if timeout_s is None else timeout_s
        try:
            reply = await method(ask.request.SerializeToString(), timeout=timeout_s, wait_for_ready=ask.waits)
        except grpc.aio.AioRpcError as error:
            raise error_of(error.code(), error.details()) from error
        return ask.read(reply)

    async def _stream(self, ask: Ask[T], timeout_s: float | None) -> AsyncIterator[T]:
        method: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = next(self._turns).unary_stream(ask.path)
        timeout_s = ask.timeout_s if timeout_s is None else timeout_s
        try:
            async for reply in method(ask.request.SerializeToString(), timeout=timeout_s, wait_for_ready=ask.waits):
                yield ask.read(reply)
        except grpc.aio.AioRpcError as error:
            raise error_of(error.code(), error.details()) from error
