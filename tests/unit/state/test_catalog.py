"""The catalog's columns: writes, deletions, first sights, and merging."""

import numpy as np

from feedrank.state import NEVER, Catalog, Vocabulary
from feedrank.v1 import feedrank_pb2 as pb
from tests.strategies import T0


def item(item_id: str, category: str = "", at: int = 0, regions: tuple[str, ...] = ()) -> pb.Item:
    message = pb.Item(item_id=item_id, category=category, title="title", body="a body", regions=regions)
    if at:
        message.published_at.FromMicroseconds(at)
    return message


def word(catalog: Catalog, name: str, row: int) -> str:
    return catalog.vocabularies[name].words[int(catalog.column(name)[row])]


def test_words_are_numbered_by_first_appearance_and_the_empty_string_is_zero() -> None:
    words = Vocabulary()
    assert [words.code(w) for w in ("b", "a", "b", "")] == [1, 2, 1, 0]
    assert (words.find("a"), words.find("c")) == (2, -1)
    other = Vocabulary(["", "a", "z"])
    assert words.mapping_from(other).tolist() == [0, 2, 3]
    assert words.words == ["", "b", "a", "z"]


def test_an_upsert_fills_the_columns_and_growing_keeps_them() -> None:
    catalog = Catalog()
    catalog.ensure(1)
    catalog.upsert(1, item("x", "sports", T0, ("no", "dk", "no")), 5)
    catalog.ensure(1_000)
    assert word(catalog, "category", 1) == "sports"
    assert word(catalog, "regions", 1) == "dk|no"
    assert catalog.column("published_at")[1] == T0
    assert catalog.column("expires_at")[1] == 0
    assert (catalog.column("title_chars")[1], catalog.column("body_chars")[1]) == (5, 6)
    assert catalog.column("listed").tolist() == [False, True] + [False] * 999
    assert catalog.column("story").tolist() == list(range(1001))


def test_only_a_later_upsert_brings_a_deleted_item_back() -> None:
    catalog = Catalog()
    catalog.ensure(0)
    catalog.upsert(0, item("x", "old"), 3)
    catalog.delete(0, 7)
    catalog.upsert(0, item("x", "older"), 5)  # became visible late, but stands earlier in the log
    assert (catalog.column("listed")[0], catalog.column("deleted")[0]) == (False, True)
    assert word(catalog, "category", 0) == "older"
    catalog.upsert(0, item("x", "new"), 9)
    catalog.delete(0, 8)
    assert (catalog.column("listed")[0], catalog.column("deleted")[0]) == (True, False)
    assert word(catalog, "category", 0) == "new"


def see(catalog: Catalog, row: int, *times: int) -> None:
    catalog.seen(np.full(len(times), row, np.int32), np.array(times, np.int64))


def test_first_seen_is_the_earliest_time_there_is() -> None:
    catalog = Catalog()
    catalog.ensure(0)
    assert catalog.column("first_seen")[0] == NEVER
    see(catalog, 0, 0)  # an imported item without a date
    assert catalog.column("first_seen")[0] == NEVER
    see(catalog, 0, T0 + 5, T0, T0 + 9)
    assert catalog.column("first_seen")[0] == T0


def test_merging_takes_the_later_write_of_each_row_whichever_side_it_is_on() -> None:
    mine, theirs = Catalog(), Catalog()
    mine.ensure(1)
    theirs.ensure(2)
    mine.upsert(0, item("x", "a"), 9)
    mine.upsert(1, item("y", "b"), 2)
    theirs.upsert(0, item("x", "c"), 4)
    theirs.upsert(1, item("y", "d"), 5)
    theirs.name(2, "z")
    for catalog, row, time in ((mine, 0, T0), (theirs, 0, T0 - 1), (theirs, 2, T0 + 3)):
        see(catalog, row, time)
    mine.columns["last_click"][0], theirs.columns["last_click"][0] = 3, 8
    mine.merge(theirs)
    assert [word(mine, "category", row) for row in range(3)] == ["a", "d", ""]
    assert mine.column("first_seen").tolist() == [T0 - 1, NEVER, T0 + 3]
    assert mine.column("last_click").tolist() == [8, 0, 0]
    assert mine.row_of == {"z": 2}
    assert mine.column("upserted_by").tolist() == [9, 5, 0]


def test_merging_a_deletion_keeps_what_the_item_was() -> None:
    mine, theirs = Catalog(), Catalog()
    for catalog in (mine, theirs):
        catalog.ensure(0)
    mine.upsert(0, item("x", "a"), 3)
    theirs.delete(0, 7)
    mine.merge(theirs)
    assert (mine.column("listed")[0], mine.column("deleted")[0]) == (False, True)
    assert word(mine, "category", 0) == "a"


def test_a_restored_catalog_is_the_same() -> None:
    catalog = Catalog()
    catalog.ensure(99)
    catalog.name(3, "x")
    catalog.upsert(3, item("x", "sports", T0), 4)
    other = Catalog()
    words = {name: vocabulary.words for name, vocabulary in catalog.vocabularies.items()}
    other.restore(catalog.to_arrays(), catalog.ids, words)
    assert (other.rows, other.ids, other.row_of) == (catalog.rows, catalog.ids, catalog.row_of)
    for name in catalog.columns:
        np.testing.assert_array_equal(catalog.column(name), other.column(name), strict=True)
    assert other.vocabularies["category"].find("sports") == catalog.vocabularies["category"].find("sports")
