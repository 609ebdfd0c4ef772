"""Answers Rank and Debug from one pinned view: call -> query -> lane -> feed, then the slate behind the reply.

Knows nothing of gRPC, of tailing, or of how views come about.
"""

import hashlib
import logging
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

from feedrank.experiments.assignment import Subject, assign
from feedrank.experiments.exposures import variants_of
from feedrank.pipeline.executor import Outcome
from feedrank.pipeline.explain import explain
from feedrank.pipeline.feed import Feed, FeedItem, RankCall, StageTrace
from feedrank.pipeline.filters import applies
from feedrank.pipeline.paging import MAX_TOKEN, Page, PageTokens
from feedrank.pipeline.slates import Provenance, Served, served, slate_of
from feedrank.pipeline.stages import CLICK_PROBABILITY, Query
from feedrank.pipeline.trace import trace
from feedrank.serving import metrics
from feedrank.serving.lanes import Lane
from feedrank.serving.shadow import Shadows
from feedrank.serving.slate_writer import Slates
from feedrank.serving.trials import Arm
from feedrank.serving.view import View
from feedrank.store import LogStore, StoredSlate
from feedrank.types import Context, Micros, Personalization, UserId
from feedrank.user_records import Lane as RecordLane

log = logging.getLogger(__name__)

HURRIED = "load"  # why a feed was made of fewer candidates
MOST_US = 2**32 - 1  # what the slate's field holds: 71 minutes
NEW_BELOW = 5  # engagements: of a reader with fewer, too little is known to personalise by


def seed_of(request_id: str) -> int:
    """The request's seed: 63 bits of its id's hash, and of nothing else."""
    return int.from_bytes(hashlib.blake2b(request_id.encode(), digest_size=8).digest(), "little") >> 1


class Ranking:
    """Ranks calls. Thread-safe: all state is in the view a call pins."""

    def __init__(
        self,
        store: LogStore,
        tokens: PageTokens,
        slates: Slates,
        sampling: float,
        clock: Callable[[], Micros],
        shadows: Shadows | None = None,  # None: no challenger watches
    ) -> None:
        self._store, self._tokens, self._slates, self._shadows = store, tokens, slates, shadows
        self._sampling = sampling
        self._clock = clock

    def rank(self, view: View, call: RankCall) -> Feed:
        """The call's feed. InvalidInput for a bad page token; PipelineError if a filter failed."""
        with self._shadows.traffic if self._shadows is not None else nullcontext():
            return self._ranked(view, call)

    def _ranked(self, view: View, call: RankCall) -> Feed:
        arrived_s = time.perf_counter() if call.arrived_s is None else call.arrived_s
        asked_at = self._clock()  # before anything is read of the user: an erasure from now on covers this slate
        query, page, arm = self._query(view, call)
        lane = view.lane_of(arm, call.hurried)
        outcome = lane.pipeline.run(query)
        hurried = (HURRIED,) if call.hurried else ()
        outcome = replace(outcome, degraded=(*outcome.degraded, *arm.degraded, *hurried))
        feed = self._feed(view, lane, call, outcome, page)
        for reason in outcome.degraded:
            metrics.count_degraded(reason)
        if not query.dry_run and outcome.selection.order.size:
            metrics.count_exposures(variants_of(query.exposures))
            self._log(view, lane, outcome, asked_at, arrived_s)
            if self._shadows is not None:
                self._shadows.offer(view.trials, lane, outcome)
        return feed

    def debug(self, view: View, call: RankCall, item_id: str) -> tuple[StageTrace, ...]:
        """What each stage does with one item in the call's feed. Leaves no slate."""
        query, _, arm = self._query(view, call)
        pipeline = view.lane_of(arm).pipeline
        outcome = pipeline.run(query)
        names = tuple(f.name for f in pipeline.filters if applies(f, query))
        return trace(outcome, view.live.state.catalog.row_of.get(item_id), names)

    def _query(self, view: View, call: RankCall) -> tuple[Query, Page, Arm]:
        now = view.now(self._clock())
        request_id = call.request_id or uuid.uuid4().hex
        user_id, context = self._who(call)
        page = Page(request_id, self._tokens.reader_of(call.user_id), self._clock(), ())
        if call.page_token:
            page = self._tokens.read(call.page_token, call.user_id, self._clock())
            if request_id == page.feed_id:  # a page is a slate of its own, also for callers who keep their id
                request_id = f"{request_id}.{len(page.served) + 1}"
        subject = Subject(user_id, context.session_id, page.feed_id, context, lambda: self._is_new(user_id))
        assigned = assign(view.trials.experiments, subject, self._clock(), call.experiment_overrides)
        arm = view.trials.arm(assigned, view.model)
        query = Query(
            request_id=request_id,
            user_id=user_id,
            limit=call.limit,
            now=now,
            clock=self._clock(),
            seed=seed_of(request_id),
            surface=call.surface,
            context=context,
            candidate_ids=call.candidate_ids,
            filter=call.filter,
            explain=call.explain,
            dry_run=call.dry_run,
            served_before=page.served,
            exposures=arm.exposures,
        )
        return query, page, arm

    def _is_new(self, user_id: str) -> bool:
        """Whether little is known of a reader. Of one who may not be known nothing is."""
        if not user_id:
            return True
        read = self._store.user_history(UserId(user_id)).records
        return sum(record.lane is RecordLane.ENGAGEMENT for record in read) < NEW_BELOW

    def _who(self, call: RankCall) -> tuple[str, Context]:
        """The user the feed may know, "" for none, and the context with what that user's account fills in."""
        if not call.user_id or call.personalization == Personalization.OFF:
            return "", call.context
        account = self._store.account(UserId(call.user_id))
        if account.personalization == Personalization.OFF:
            return "", call.context
        context, user = call.context, account.user
        if user is None:
            return call.user_id, context
        filled = Context(
            context.language or user.language,
            context.country or user.country,
            context.region or user.region,
            context.device,
            context.session_id,
        )
        return call.user_id, filled

    def _feed(self, view: View, lane: Lane, call: RankCall, outcome: Outcome, page: Page) -> Feed:
        catalog, items = view.live.state.catalog, outcome.raw.items
        order = outcome.selection.order.tolist()
        reasons = explain(outcome, lane.pipeline.scorer, view.live.state, self._titles) if call.explain else []
        probabilities = outcome.scores.columns.get(CLICK_PROBABILITY)
        first = len(page.served) + 1
        names = outcome.candidates.sources
        feed_items = tuple(
            FeedItem(
                item_id=catalog.ids[items.rows[i]],
                score=float(outcome.scores.final[i]),
                position=first + place,
                sources=tuple(
                    n for n, rank in zip(names, outcome.candidates.ranks[i].tolist(), strict=True) if rank >= 0
                ),
                story_id=catalog.ids[items.story[i]],
                propensity=float(outcome.selection.propensities[place]),
                click_probability=None if probabilities is None else float(probabilities[i]),
                explanation=reasons[place] if place < len(reasons) else None,
            )
            for place, i in enumerate(order)
        )
        served = (*page.served, *(item.item_id for item in feed_items))
        more = len(order) == call.limit < len(outcome.candidates.rows)
        token = self._tokens.issue(Page(page.feed_id, page.reader, page.issued_at, served)) if more else ""
        token = token if len(token) <= MAX_TOKEN else ""  # a feed ends where its token would no longer be read
        return Feed(
            feed_items,
            outcome.query.request_id,
            lane.model.version,
            variants_of(outcome.query.exposures),
            bool(outcome.degraded),
            outcome.degraded,
            token,
        )

    def _titles(self, rows: Sequence[int]) -> list[str]:
        return [item.title if item is not None else "" for item in self._store.items(rows)]

    def _log(self, view: View, lane: Lane, outcome: Outcome, asked_at: Micros, arrived_s: float) -> None:
        """Hands over what the slate is made of. A failed side effect is logged and never fails the reply."""
        # The sample is by request, so that all pages and workers agree on it.
        if outcome.query.seed >= self._sampling * 2**63:
            return
        hashes = view.rules.hash, view.trials.hash, lane.recipe_hash
        try:
            what = served(outcome)
            made_by = Provenance(lane.pipeline.scorer.features, lane.model.version, *hashes, _taken_us(arrived_s))
            self._slates.put(partial(_stored, what, made_by, asked_at))
        except Exception:
            log.exception("a slate could not be made; the reply stands")


def _taken_us(since_s: float) -> int:
    """Microseconds since then, at least 1: 0 stands for what is not known."""
    return min(max(1, round((time.perf_counter() - since_s) * 1e6)), MOST_US)


def _stored(what: Served, made_by: Provenance, asked_at: Micros) -> StoredSlate:
    query = what.query
    return StoredSlate(query.request_id, query.user_id, asked_at, slate_of(what, made_by).SerializeToString())
