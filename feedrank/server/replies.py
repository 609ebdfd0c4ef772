"""The domain's answers as protobuf replies.

Knows nothing of requests, limits or transport.
"""

from collections.abc import Iterable

from feedrank.content import to_timestamp
from feedrank.pipeline.feed import Explanation, Feed, FeedItem, SimilarItem, StageTrace
from feedrank.serving.api import Activation, ModelSummary, Status
from feedrank.store import Erasure, ExportedRow
from feedrank.types import WriteResult
from feedrank.v1 import feedrank_pb2 as pb


def feed(answer: Feed) -> pb.RankResponse:
    """The reply to Rank."""
    return pb.RankResponse(
        items=[_feed_item(item) for item in answer.items],
        request_id=answer.request_id,
        model_version=answer.model_version,
        variants=answer.variants,
        degraded=answer.degraded,
        degraded_reasons=answer.degraded_reasons,
        next_page_token=answer.next_page_token,
    )


def _feed_item(item: FeedItem) -> pb.RankedItem:
    return pb.RankedItem(
        item_id=item.item_id,
        score=item.score,
        position=item.position,
        click_probability=item.click_probability,
        sources=item.sources,
        story_id=item.story_id,
        propensity=item.propensity,
        explanation=_explanation(item.explanation) if item.explanation is not None else None,
    )


def _explanation(explanation: Explanation) -> pb.Explanation:
    return pb.Explanation(
        contributions=[
            pb.Contribution(feature=c.feature, value=c.value, contribution=c.contribution)
            for c in explanation.contributions
        ],
        base=explanation.base,
        reasons=explanation.reasons,
    )


def similar(items: Iterable[SimilarItem]) -> pb.SimilarItemsResponse:
    """The reply to SimilarItems."""
    return pb.SimilarItemsResponse(
        items=[pb.SimilarItem(item_id=i.item_id, score=i.score, sources=i.sources) for i in items]
    )


def debug(stages: Iterable[StageTrace]) -> pb.DebugResponse:
    """The reply to Debug."""
    return pb.DebugResponse(stages=[pb.StageTrace(stage=s.stage, verdict=s.verdict, detail=s.detail) for s in stages])


def summary(result: WriteResult) -> pb.WriteSummary:
    """What became of a batch."""
    return pb.WriteSummary(
        accepted=result.accepted,
        duplicates=result.duplicates,
        rejected=[pb.Rejection(index=r.index, reason=r.reason) for r in result.rejected],
    )


def erasure(done: Erasure) -> pb.EraseUserResponse:
    """The reply to EraseUser."""
    return pb.EraseUserResponse(
        records_erased=done.records_erased, receipt=done.receipt, complete_by=to_timestamp(done.complete_by)
    )


def exported(row: ExportedRow) -> pb.ExportUserResponse:
    """One message of ExportUser's stream."""
    return pb.ExportUserResponse(kind=row.kind, time=to_timestamp(row.time), json=row.json)


def models(summaries: Iterable[ModelSummary]) -> pb.ListModelsResponse:
    """The reply to ListModels."""
    return pb.ListModelsResponse(models=[_model(m) for m in summaries])


def _model(model: ModelSummary) -> pb.ModelInfo:
    return pb.ModelInfo(
        name=model.name,
        version=model.version,
        aliases=model.aliases,
        created_at=to_timestamp(model.created_at),
        metrics=model.metrics,
    )


def activated(activation: Activation) -> pb.ActivateModelResponse:
    """The reply to ActivateModel."""
    return pb.ActivateModelResponse(model_version=activation.model_version, workers_behind=activation.workers_behind)


def rolled_back(activation: Activation) -> pb.RollbackModelResponse:
    """The reply to RollbackModel."""
    return pb.RollbackModelResponse(model_version=activation.model_version, workers_behind=activation.workers_behind)


def status(answer: Status) -> pb.GetStatusResponse:
    """The reply to GetStatus."""
    return pb.GetStatusResponse(
        model_version=answer.model_version,
        items=answer.items,
        items_with_text_vectors=answer.items_with_text_vectors,
        log_position=answer.log_position,
        log_lag_seconds=answer.log_lag_seconds,
        encoder=answer.encoder,
        encoder_state=answer.encoder_state,
        degraded_reasons=answer.degraded_reasons,
        version=answer.version,
        experiments=[
            pb.ExperimentStatus(name=e.name, state=e.state, failed_variants=e.failed_variants)
            for e in answer.experiments
        ],
        shadows=[
            pb.ShadowStatus(
                name=s.name,
                model=s.model,
                compared=s.compared,
                dropped=s.dropped,
                overlap_at_10=s.overlap_at_10,
                kendall_tau=s.kendall_tau,
                score_drift=s.score_drift,
                milliseconds=s.milliseconds,
            )
            for s in answer.shadows
        ],
    )
