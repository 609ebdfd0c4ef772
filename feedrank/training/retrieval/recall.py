"""Recall of the next click: of each source alone, of all together under quotas, and what each adds beyond the others.

Recall@k is the share of clicks whose item is among the first k candidates. Knows nothing of logs or of how candidates
came to be.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from feedrank.pipeline.stages import Retrieved
from feedrank.pipeline.union import union
from feedrank.settings import SourceQuotas
from feedrank.training.retrieval.stream import SOURCES, Found
from feedrank.types import I32, I64, Bools


def ranks(found: Found) -> I32:
    """The place of the clicked item in each source's list, 0 best, (n, len(SOURCES)); k where it is not there."""
    hit = found.lists == found.clicked[:, None, None]
    return np.asarray(np.where(hit.any(axis=2), hit.argmax(axis=2), found.lists.shape[2]), np.int32)


def sizes(found: Found) -> I32:
    """How many candidates each source brought, (n, len(SOURCES))."""
    return np.asarray((found.lists >= 0).sum(axis=2), np.int32)


def alone(places: I32, k: int) -> Bools:
    """Whether each source has the click among its first k, (n, len(SOURCES))."""
    return places < k


def only(hits: Bools) -> Bools:
    """Whether a source has it and no other does, (n, len(SOURCES))."""
    mask: Bools = hits & (hits.sum(axis=1) == 1)[:, None]
    return mask


def together(found: Found, quotas: SourceQuotas, total: int) -> tuple[Bools, I64]:
    """Whether the union under quotas, as the pipeline makes it, holds the click (n,), and how many candidates it
    has (n,).
    """
    wanted = [by_source(quotas)[name] for name in SOURCES]
    hit = np.zeros(len(found.clicked), np.bool_)
    count = np.zeros(len(found.clicked), np.int64)
    no_scores = np.empty(0, np.float32)
    for i, lists in enumerate(found.lists):
        rows = union(SOURCES, [Retrieved(rows[rows >= 0], no_scores) for rows in lists], wanted, total).rows
        hit[i], count[i] = found.clicked[i] in rows, len(rows)
    return hit, count


def by_source(quotas: SourceQuotas) -> Mapping[str, int]:
    """The quotas by the name of the source."""
    return {name: int(value) for name, value in quotas.model_dump().items() if name in SOURCES}


def without(found: Found, source: str) -> Found:
    """The same moments, at which one source brought nothing: not even what it would fill beyond its quota."""
    lists = found.lists.copy()
    lists[:, SOURCES.index(source)] = -1
    return replace(found, lists=lists)
