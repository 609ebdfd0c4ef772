"""Clicks on an interleaved feed are credited to the team that drafted the item."""

from feedrank.experiments.interleaving import Credit, credit_of, total
from feedrank.v1 import log_pb2


def test_clicks_are_points_of_the_team_that_drafted():
    slate = log_pb2.Slate(candidate_rows=[10, 11, 12, 13, 14], shown=[4, 0, 2, 1], teams=[0, 1, 2, 2])
    assert credit_of(slate, {14, 10, 12, 11}) == Credit(1, 2)  # row 14 was pinned
    assert credit_of(slate, {13}) == Credit()  # not shown
    assert credit_of(log_pb2.Slate(candidate_rows=[1], shown=[0]), {1}) == Credit()  # not interleaved


def test_a_user_prefers_by_all_their_feeds():
    assert total([Credit(1, 0), Credit(0, 3)]).preference == -1
    assert total([Credit(2, 1), Credit(0, 1)]).preference == 0
    assert Credit(1, 0).preference == 1
