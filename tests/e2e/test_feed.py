"""What a backend sees of a feed, over real processes: one server for all, many small users."""

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from feedrank.client import (
    Action,
    Client,
    Context,
    Event,
    InvalidInput,
    Item,
    ItemId,
    NotFound,
    Personalization,
    RankCall,
    RequestFilter,
    UserId,
)

CATEGORIES = ("news", "sport", "culture", "science")
NORTH = Context(region="north", language="en")


def micros() -> int:
    return time.time_ns() // 1_000


def axis(k: int, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """A unit vector near the k-th axis."""
    vector = np.eye(8, dtype=np.float32)[k] + noise * np.random.default_rng(seed).standard_normal(8).astype(np.float32)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


@pytest.fixture
def client(serve, tmp_path: Path) -> Iterator[Client]:
    """A client of a fresh server that holds 80 articles in four categories, a vector each."""
    with Client(serve(tmp_path / "data", "--no-indexer")) as client:
        now = micros()
        items = [
            Item(
                ItemId(f"i{k}"),
                title=f"{CATEGORIES[k % 4]} article {k}",
                category=CATEGORIES[k % 4],
                source=f"paper {k % 3}",
                author=f"author {k % 5}",
                language="en",
                published_at=now - (k + 1) * 600_000_000,
                vectors={"own": axis(k % 4, 0.3, k)},
            )
            for k in range(80)
        ]
        assert client.upsert_items(items).accepted == 80
        wait_for(lambda: len(client.rank(RankCall(limit=80)).items) == 80)
        yield client


def wait_for(condition, timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.02)


def click(client: Client, user: str, item_id: str, **fields) -> None:
    client.record_events([Event("", UserId(user), micros(), Action.CLICK, item_id, **fields)])


def ids(feed) -> list[str]:
    return [item.item_id for item in feed.items]


def test_a_click_shows_in_the_very_next_feed(client: Client) -> None:
    before = client.rank(RankCall(user_id="reader", limit=10))
    for k in (2, 6, 10):
        click(client, "reader", f"i{k}")
    after = client.rank(RankCall(user_id="reader", limit=10))
    culture = [item_id for item_id in ids(after) if int(item_id[1:]) % 4 == 2]
    assert len(culture) > len([i for i in ids(before) if int(i[1:]) % 4 == 2])
    assert not {"i2", "i6", "i10"} & set(ids(after))  # read items are dropped
    assert any("interest" in item.sources for item in after.items)


def test_pages_never_repeat_and_end(client: Client) -> None:
    call = RankCall(user_id="pager", limit=30, context=NORTH)
    pages = list(client.rank_pages(call))
    served = [item_id for page in pages for item_id in ids(page)]
    assert len(served) == len(set(served)) == 80
    assert [i.position for page in pages for i in page.items] == list(range(1, 81))
    with pytest.raises(InvalidInput, match="another user"):
        client.rank(RankCall(user_id="thief", page_token=pages[0].next_page_token))


def test_off_and_opted_out_get_the_unknown_users_feed(client: Client) -> None:
    for k in range(0, 40, 4):
        click(client, "private", f"i{k}")
    client.set_personalization("opted out", Personalization.OFF)
    click(client, "opted out", "i2")

    def feed(user: str, personalization: Personalization = Personalization.UNSPECIFIED) -> list[str]:
        call = RankCall(user, 20, context=NORTH, request_id="the same", personalization=personalization, dry_run=True)
        return ids(client.rank(call))

    # Counters move between two calls while the clicks above are folded: equal as soon as they stand still.
    wait_for(lambda: feed("private", Personalization.OFF) == feed("nobody knows"))
    wait_for(lambda: feed("opted out", Personalization.ON) == feed("nobody knows"))
    assert feed("private") != feed("nobody knows")
    client.set_personalization("private", Personalization.OFF)
    wait_for(lambda: feed("private") == feed("nobody knows"))
    client.erase_user("private")  # an opt-out survives erasure
    click(client, "private", "i8")
    wait_for(lambda: feed("private") == feed("nobody knows"))


def test_erasing_forgets_and_exporting_tells(client: Client) -> None:
    click(client, "someone", "i5")
    client.record_events([Event("s", UserId("someone"), micros(), Action.SEARCH, query="a very private query")])
    feed = client.rank(RankCall(user_id="someone", limit=5))
    wait_for(lambda: any(row.kind.lower().endswith("slate") for row in client.export_user("someone")))
    exported = "".join(row.json for row in client.export_user("someone"))
    assert "a very private query" in exported and feed.request_id in exported
    erased = client.erase_user("someone")
    assert erased.records_erased >= 3
    assert list(client.export_user("someone")) == []
    again = client.erase_user("someone")
    assert again.records_erased == 0 and again.receipt == erased.receipt
    assert "i5" in ids(client.rank(RankCall(user_id="someone", limit=80)))


def test_erased_users_retries_bring_nothing_back(client: Client) -> None:
    event = Event("e1", UserId("gone"), micros(), Action.CLICK, "i7")
    client.record_events([event])
    client.erase_user("gone")
    result = client.record_events([event])
    assert result.accepted == 0 and "erased" in result.rejected[0].reason
    assert list(client.export_user("gone")) == []


def test_hidden_read_and_tiring_items_leave_the_feed(client: Client) -> None:
    user = UserId("picky")
    client.record_events([Event("h", user, micros(), Action.HIDE, "i1")])
    client.record_events([Event(f"v{n}", user, micros(), Action.VIEW, "i3") for n in range(3)])
    left = set(ids(client.rank(RankCall(user_id=user, limit=80))))
    assert not {"i1", "i3"} & left
    client.record_events([Event("u", user, micros(), Action.UNHIDE, "i1")])
    assert "i1" in ids(client.rank(RankCall(user_id=user, limit=80)))


def test_candidate_ids_are_ranked_alone_and_dropped_for_few_reasons(client: Client) -> None:
    user = UserId("own candidates")
    click(client, user, "i9")
    client.record_events([Event("h", user, micros(), Action.HIDE, "i11")])
    client.delete_items(["i12"])
    call = RankCall(
        user_id=user,
        candidate_ids=("i9", "i11", "i12", "i13", "never seen", "i14"),
        filter=RequestFilter(exclude_item_ids=("i14",)),
    )
    wait_for(lambda: "i12" not in ids(client.rank(call)))
    feed = client.rank(call)
    assert set(ids(feed)) == {"i9", "i13"}
    assert all(item.sources == ("candidate_ids",) and item.propensity == 1.0 for item in feed.items)


def test_explanations_sum_to_the_score_and_give_reasons(client: Client) -> None:
    for k in (0, 4, 8):
        click(client, "curious", f"i{k}")
    feed = client.rank(RankCall(user_id="curious", limit=30, explain=True))
    assert [item.explanation is not None for item in feed.items] == [True] * 20 + [False] * 10
    for item in feed.items[:20]:
        assert item.explanation is not None
        total = item.explanation.base + sum(c.contribution for c in item.explanation.contributions)
        assert total == pytest.approx(item.score, abs=1e-4)
    reasons = " ".join(r for item in feed.items[:20] if item.explanation for r in item.explanation.reasons)
    assert "because you read “news article" in reasons


def test_debug_says_what_became_of_an_item(client: Client) -> None:
    click(client, "asker", "i20")
    call = RankCall(user_id="asker", limit=3)
    last = {item: client.debug(call, item)[-1] for item in ("i20", "never seen", ids(client.rank(call))[0])}
    assert (last["i20"].stage, last["i20"].verdict) == ("filter:seen", "dropped")
    assert last["never seen"].verdict == "absent"
    assert last[ids(client.rank(call))[0]].stage == "selector"


def test_rules_follow_their_file_without_a_restart(client: Client, tmp_path: Path) -> None:
    rules = tmp_path / "data" / "rules.toml"
    rules.write_text(
        '[[rule]]\nname="top"\ndo="pin"\nposition=1\nitems={item_ids=["i79"]}\n'
        '[[rule]]\nname="no sport"\ndo="exclude"\nitems={categories=["sport"]}\n'
        '[[rule]]\nname="two a paper"\ndo="cap"\nmax=2\nper="source"\n'
    )
    wait_for(lambda: ids(client.rank(RankCall(limit=3)))[0] == "i79")
    feed = client.rank(RankCall(limit=50))
    assert len(feed.items) == 6 and not [i for i in ids(feed) if int(i[1:]) % 4 == 1]
    rules.write_text('[[rule]]\nname="broken"\ndo="boost"\n')
    wait_for(lambda: any("boost needs `amount`" in reason for reason in client.status().degraded_reasons))
    assert ids(client.rank(RankCall(limit=3)))[0] == "i79"  # the last good rules stay
    rules.unlink()
    wait_for(lambda: len(client.rank(RankCall(limit=50)).items) == 50)


def test_similar_items_are_alike_and_never_the_item(client: Client) -> None:
    for reader in range(5):
        for k in (1, 6):
            click(client, f"pair reader {reader}", f"i{k}")
    wait_for(lambda: "similar" in client.similar_items("i1", limit=1)[0].sources)
    found = client.similar_items("i1", limit=10)
    assert found[0].item_id == "i6"  # read together beats alike
    assert all(int(item.item_id[1:]) % 4 == 1 for item in found[1:5])
    assert "i1" not in [item.item_id for item in found]
    with pytest.raises((InvalidInput, NotFound), match="never seen"):
        client.similar_items("never seen")


def test_one_story_is_told_once_by_its_newest_telling(client: Client) -> None:
    # Own vectors settle no story, so all of these are stories of their own.
    feed = client.rank(RankCall(limit=80))
    assert len({item.story_id for item in feed.items}) == len(feed.items)


def test_region_expiry_language_and_deletion_are_kept(client: Client) -> None:
    now = micros()
    client.upsert_items(
        [
            Item(ItemId("northern"), title="a", regions=("north",), published_at=now),
            Item(ItemId("danish"), title="b", language="da", published_at=now),
            Item(ItemId("expired"), title="c", published_at=now, expires_at=now - 1),
            Item(ItemId("tomorrow"), title="d", published_at=now + 300_000_000),
        ]
    )
    call = RankCall(limit=200, context=NORTH)
    wait_for(lambda: "northern" in ids(client.rank(call)))
    assert not {"danish", "expired", "tomorrow"} & set(ids(client.rank(call)))
    elsewhere = set(ids(client.rank(RankCall(limit=200))))
    assert "danish" in elsewhere and "northern" not in elsewhere
    client.delete_items(["i0"])
    wait_for(lambda: "i0" not in ids(client.rank(call)))
    client.upsert_items([Item(ItemId("i0"), title="back again", published_at=now)])
    wait_for(lambda: "i0" in ids(client.rank(call)))


def test_a_repeated_request_and_event_count_once(client: Client) -> None:
    request_id = uuid.uuid4().hex
    first = client.rank(RankCall(user_id="retry", request_id=request_id, limit=5))
    assert ids(client.rank(RankCall(user_id="retry", request_id=request_id, limit=5))) == ids(first)
    event = Event("once", UserId("retry"), micros(), Action.CLICK, ids(first)[0], request_id=request_id)
    assert client.record_events([event, event]).accepted == 1
    assert client.record_events([event]).duplicates == 1
    time.sleep(1.0)
    slates = [row for row in client.export_user("retry") if row.kind.lower().endswith("slate")]
    assert len(slates) == 1


def test_each_page_leaves_a_slate_also_for_callers_who_keep_their_request_id(client: Client) -> None:
    first = client.rank(RankCall(user_id="keeper", request_id="kept", limit=5))
    token = first.next_page_token
    second = client.rank(RankCall(user_id="keeper", request_id="kept", limit=5, page_token=token))
    assert second.request_id == "kept.6" and not set(ids(first)) & set(ids(second))
    wait_for(lambda: len([r for r in client.export_user("keeper") if r.kind == "slate"]) == 2)


def test_wrong_requests_name_the_field(client: Client) -> None:
    for call, field in (
        (RankCall(limit=0), "limit"),
        (RankCall(limit=10**9), "limit"),
        (RankCall(user_id="x" * 300), "user_id"),
        (RankCall(candidate_ids=("",)), "candidate_ids"),
        (RankCall(page_token="nonsense"), "page_token"),
    ):
        with pytest.raises(InvalidInput, match=field):
            client.rank(call)
