"""Protobuf replies in the domain's words.

Knows nothing of channels or requests.
"""

from collections.abc import Iterable

from feedrank.content import from_timestamp
from feedrank.pipeline.feed import Contribution, Explanation, Feed, FeedItem, SimilarItem, StageTrace
from feedrank.serving.api import Activation, ExperimentReport, ModelSummary, ShadowReport, Status
from feedrank.store import Erasure, ExportedRow
from feedrank.types import Rejection, WriteResult
from feedrank.v1 import feedrank_pb2 as pb


def feed(reply: pb.RankResponse) -> Feed:
    """The feed of a RankResponse."""
    return Feed(
        items=tuple(_feed_item(item) for item in reply.items),
        request_id=reply.request_id,
        model_version=reply.model_version,
        variants=dict(reply.variants),
        degraded=reply.degraded,
        degraded_reasons=tuple(reply.degraded_reasons),
        next_page_token=reply.next_page_token,
    )


def _feed_item(item: pb.RankedItem) -> FeedItem:
    return FeedItem(
        item_id=item.item_id,
        score=item.score,
        position=item.position,
        sources=tuple(item.sources),
        story_id=item.story_id,
        propensity=item.propensity if item.HasField("propensity") else 1.0,
        click_probability=item.click_probability if item.HasField("click_probability") else None,
        explanation=_explanation(item.explanation) if item.HasField("explanation") else None,
    )


def _explanation(message: pb.Explanation) -> Explanation:
    parts = tuple(Contribution(c.feature, c.value, c.contribution) for c in message.contributions)
    return Explanation(parts, message.base, tuple(message.reasons))


def similar(reply: pb.SimilarItemsResponse) -> tuple[SimilarItem, ...]:
    """The items of a SimilarItemsResponse, nearest first."""
    return tuple(SimilarItem(item.item_id, item.score, tuple(item.sources)) for item in reply.items)


def debug(reply: pb.DebugResponse) -> tuple[StageTrace, ...]:
    """The traces of a DebugResponse, in the order of the stages."""
    return tuple(StageTrace(stage.stage, stage.verdict, stage.detail) for stage in reply.stages)


def written(summary: pb.WriteSummary, start: int) -> WriteResult:
    """What became of a batch whose first element is number `start` of the whole write."""
    rejected = tuple(Rejection(start + r.index, r.reason) for r in summary.rejected)
    return WriteResult(summary.accepted, summary.duplicates, rejected)


def merged(parts: Iterable[WriteResult]) -> WriteResult:
    """What became of a whole write, from its batches in order."""
    all_parts = tuple(parts)
    return WriteResult(
        sum(part.accepted for part in all_parts),
        sum(part.duplicates for part in all_parts),
        tuple(rejection for part in all_parts for rejection in part.rejected),
    )


def erasure(reply: pb.EraseUserResponse) -> Erasure:
    """What an EraseUserResponse tells."""
    return Erasure(reply.records_erased, reply.receipt, from_timestamp(reply.complete_by))


def exported(reply: pb.ExportUserResponse) -> ExportedRow:
    """One exported fact."""
    return ExportedRow(reply.kind, from_timestamp(reply.time), reply.json)


def models(reply: pb.ListModelsResponse) -> tuple[ModelSummary, ...]:
    """The models of a ListModelsResponse."""
    return tuple(
        ModelSummary(m.name, m.version, tuple(m.aliases), from_timestamp(m.created_at), dict(m.metrics))
        for m in reply.models
    )


def activation(reply: pb.ActivateModelResponse | pb.RollbackModelResponse) -> Activation:
    """What a swap of models led to."""
    return Activation(reply.model_version, tuple(reply.workers_behind))


def status(reply: pb.GetStatusResponse) -> Status:
    """What a GetStatusResponse tells."""
    return Status(
        reply.model_version,
        reply.items,
        reply.items_with_text_vectors,
        reply.log_position,
        reply.log_lag_seconds,
        reply.encoder,
        reply.encoder_state,
        tuple(reply.degraded_reasons),
        reply.version,
        tuple(ExperimentReport(e.name, e.state, tuple(e.failed_variants)) for e in reply.experiments),
        tuple(
            ShadowReport(
                s.name,
                s.model,
                s.compared,
                s.dropped,
                s.overlap_at_10,
                s.kendall_tau,
                s.score_drift,
                s.milliseconds,
            )
            for s in reply.shadows
        ),
    )
