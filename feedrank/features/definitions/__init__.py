"""All features, by family. To add one, add its definition to a family's FEATURES."""

from feedrank.features.definition import Feature
from feedrank.features.definitions import (
    affinity,
    co_engagement,
    context,
    exposure,
    freshness,
    in_slate,
    popularity,
    response,
    seen,
    similarity,
)

FEATURES: tuple[Feature, ...] = (
    *popularity.FEATURES,
    *exposure.FEATURES,
    *freshness.FEATURES,
    *affinity.FEATURES,
    *response.FEATURES,
    *co_engagement.FEATURES,
    *seen.FEATURES,
    *similarity.FEATURES,
    *in_slate.FEATURES,
    *context.FEATURES,
)
