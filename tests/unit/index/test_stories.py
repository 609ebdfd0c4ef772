"""A story is the nearest earlier telling's within the window and above the threshold; else the article's own."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from feedrank.index.stories import StoryBook, Told, assign_stories
from feedrank.types import HOUR

WITHIN = 48 * HOUR


def on_circle(*degrees: float) -> np.ndarray:
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def told(degrees: list[float], hours: list[float], stories: list[int]) -> Told:
    times = (np.array(hours) * HOUR).astype(np.int64)
    return Told(on_circle(*degrees).reshape(-1, 2), times, np.array(stories, np.int32))


def assign(degrees: list[float], hours: list[float], earlier: Told, rows: list[int] | None = None) -> list[int]:
    numbers = np.array(rows or range(100, 100 + len(degrees)), np.int32)
    times = (np.array(hours) * HOUR).astype(np.int64)
    stories: list[int] = assign_stories(numbers, on_circle(*degrees), times, earlier, 0.86, WITHIN).tolist()
    return stories


def test_the_nearest_above_the_threshold_gives_its_story() -> None:
    earlier = told([0, 20, 90], [0, 0, 0], [1, 2, 3])
    assert [assign([degrees], [1], earlier) for degrees in (15, 50, 51, 115)] == [[2], [2], [100], [3]]


def test_the_window_is_48_hours_both_ways_and_closed() -> None:
    earlier = told([0], [100], [7])
    assert assign([0, 0, 0], [148, 52, 148.01], earlier)[:2] == [7, 7]
    assert assign([0], [148.01], earlier) == [100]
    assert assign([0], [51.99], earlier) == [100]


def test_articles_of_one_batch_join_stories_begun_in_it_in_order() -> None:
    nothing = told([], [], [])
    assert assign([0, 5, 60, 62, 3], [0, 1, 2, 3, 4], nothing) == [100, 100, 102, 102, 100]
    # 25 degrees are near enough to join, and what joined leads on to 50 degrees: the story is the first one's
    assert assign([0, 25, 50], [0, 1, 2], nothing) == [100, 100, 100]
    assert assign([0, 50, 25], [0, 1, 2], nothing) == [100, 101, 100]  # a tie goes to the first


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 359), st.integers(0, 120)), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(0, 359), st.integers(0, 120)), max_size=8),
)
def test_a_batch_equals_its_articles_one_by_one(batch: list[tuple[int, int]], before: list[tuple[int, int]]) -> None:
    degrees, hours = [float(d) for d, _ in batch], [float(h) for _, h in batch]
    past_degrees, past_hours = [float(d) for d, _ in before], [float(h) for _, h in before]
    past_stories = list(range(len(before)))
    together = assign(degrees, hours, told(past_degrees, past_hours, past_stories))
    for number, (degree, hour) in enumerate(zip(degrees, hours, strict=True)):
        earlier = told(past_degrees + degrees[:number], past_hours + hours[:number], past_stories + together[:number])
        assert assign([degree], [hour], earlier, [100 + number]) == [together[number]]


def test_the_book_knows_what_landed_and_keeps_first_stories() -> None:
    book = StoryBook(0.86, WITHIN)
    vectors = on_circle(0, 10, 200)
    times = np.array([0, HOUR, 2 * HOUR], np.int64)
    rows = np.array([4, 9, 5], np.int32)
    assert book.assign(rows, vectors, times).tolist() == [4, 4, 5]
    for row, story, time, vector in zip(rows, [4, 4, 5], times, vectors, strict=True):
        book.settle(int(row), story, int(time))
        book.hold(int(row), vector)
    # row 9 is told anew, quite differently: its story stays; a later telling near the new words joins it
    assert book.assign(rows[1:2], on_circle(200), times[1:2]).tolist() == [4]
    book.settle(9, 5, 3 * HOUR)
    book.hold(9, on_circle(120)[0])
    later = np.array([3 * HOUR], np.int64)
    assert book.assign(np.array([40], np.int32), on_circle(118), later).tolist() == [4]
    assert book.assign(np.array([40], np.int32), on_circle(11), later).tolist() == [4]
    assert book.assign(np.array([40], np.int32), on_circle(60), later).tolist() == [40]
    assert book.assign(np.array([40], np.int32), on_circle(11), later + 49 * HOUR).tolist() == [40]
    assert book.assign(np.zeros(0, np.int32), on_circle(), later[:0]).tolist() == []
