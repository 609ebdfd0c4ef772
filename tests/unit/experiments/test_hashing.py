"""The assignment hash: published vectors, uniform and independent over a million ids, the same in every process."""

import hashlib
import subprocess
import sys

import numpy as np
from scipy import stats

from feedrank.experiments.hashing import BUCKETS, Purpose, bucket, buckets

IDS = 1_000_000
VECTORS = (  # of docs/guides/experiments.md
    (Purpose.LAYER, "ranking", "user:u1", 8532),
    (Purpose.TRAFFIC, "ranker-7", "user:u1", 6486),
    (Purpose.VARIANT, "ranker-7", "user:u1", 5650),
    (Purpose.VARIANT, "ranker-7", "session:s-42", 4232),
    (Purpose.HOLDOUT, "2026", "user:blåbær 🫐", 2191),
)


def test_the_vectors_of_the_guide_hold():
    for purpose, salt, unit, expected in VECTORS:
        assert bucket(purpose, salt, unit) == expected


def test_the_vectors_are_what_the_documented_formula_gives():
    for purpose, salt, unit, expected in VECTORS:
        text = f"{purpose.value}\0{salt}\0{unit}".encode()
        assert int(hashlib.sha256(text).hexdigest()[:16], 16) % 10_000 == expected


def test_a_fresh_interpreter_agrees():
    code = "from feedrank.experiments.hashing import *; print(bucket(Purpose.VARIANT, 'ranker-7', 'user:u1'))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(run.stdout) == bucket(Purpose.VARIANT, "ranker-7", "user:u1")


def test_buckets_are_uniform_and_layers_independent_over_a_million_ids():
    ids = [f"user:u{k:07d}" for k in range(IDS)]
    one, two = buckets(Purpose.LAYER, "ranking", ids), buckets(Purpose.LAYER, "retrieval", ids)
    for drawn in (one, two):
        assert stats.chisquare(np.bincount(drawn, minlength=BUCKETS)).pvalue > 1e-4
    table = np.zeros((20, 20), np.int64)
    np.add.at(table, (one // (BUCKETS // 20), two // (BUCKETS // 20)), 1)
    assert stats.chi2_contingency(table).pvalue > 1e-4


def test_decisions_about_one_unit_are_independent_of_each_other():
    ids = [f"user:u{k}" for k in range(50_000)]
    layer, traffic = buckets(Purpose.LAYER, "x", ids) // 1_000, buckets(Purpose.TRAFFIC, "x", ids) // 1_000
    variant = buckets(Purpose.VARIANT, "x", ids) // 1_000
    for a, b in ((layer, traffic), (traffic, variant), (layer, variant)):
        table = np.zeros((10, 10), np.int64)
        np.add.at(table, (a, b), 1)
        assert stats.chi2_contingency(table).pvalue > 1e-4
