"""Union, fusion, page tokens and rule parsing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedrank.errors import InvalidInput
from feedrank.pipeline.fusion import fuse
from feedrank.pipeline.paging import Page, PageTokens
from feedrank.pipeline.rules import parse_rules, terms
from feedrank.pipeline.stages import Candidates, Retrieved
from feedrank.pipeline.union import union
from feedrank.types import MINUTE, SECOND

Rows = st.lists(st.integers(0, 60), unique=True, max_size=30)


def retrieved(rows):
    return Retrieved(np.array(rows, np.int32), np.ones(len(rows), np.float32))


@given(
    lists=st.lists(Rows, min_size=3, max_size=3),
    quotas=st.lists(st.integers(0, 20), min_size=3, max_size=3),
    total=st.integers(1, 40),
)
def test_union_holds_every_quota_and_only_fills_from_the_general_sources(lists, quotas, total):
    names = ("similar", "trending", "fresh")
    got = union(names, [retrieved(rows) for rows in lists], quotas, total)
    within = list(dict.fromkeys(r for rows, quota in zip(lists, quotas, strict=True) for r in rows[:quota]))
    rows = got.rows.tolist()
    assert rows[: len(within)] == within
    assert len(set(rows)) == len(rows)
    extra = set(lists[1]) | set(lists[2])
    spare = dict.fromkeys(lists[1][quotas[1] :] + lists[2][quotas[2] :])  # trending goes first
    assert rows[len(within) :] == [row for row in spare if row not in within][: len(rows) - len(within)]
    assert len(rows) == max(len(within), min(total, len(set(within) | extra)))
    for row, ranks in zip(rows, got.ranks.tolist(), strict=True):
        assert ranks == [mine.index(row) if row in mine else -1 for mine in lists]


def test_fusion_is_the_papers_formula():
    ranks = np.array([[0, -1], [1, 0], [-1, 1]], np.int32)
    got = fuse(Candidates(np.arange(3, dtype=np.int32), ranks, ("x", "y")))
    assert got == pytest.approx([1 / 61, 1 / 62 + 1 / 61, 1 / 62])


class TestPageTokens:
    tokens = PageTokens(b"secret", 30)
    now = 1_700_000_000 * SECOND

    def issue(self, user="u", served=("a", "b")):
        return self.tokens.issue(Page("feed", self.tokens.reader_of(user), self.now, served))

    def test_a_token_tells_what_was_served_and_names_nobody(self):
        token = self.issue(user="someone@example.org")
        assert self.tokens.read(token, "someone@example.org", self.now).served == ("a", "b")
        assert "someone" not in token

    def test_expired_foreign_altered_and_garbage_tokens_are_refused(self):
        token = self.issue()
        assert self.tokens.read(token, "u", self.now + 30 * MINUTE).feed_id == "feed"
        with pytest.raises(InvalidInput, match="expired after 30 minutes"):
            self.tokens.read(token, "u", self.now + 31 * MINUTE)
        with pytest.raises(InvalidInput, match="another user"):
            self.tokens.read(token, "v", self.now)
        with pytest.raises(InvalidInput, match="not one this service issued"):
            PageTokens(b"other", 30).read(token, "u", self.now)
        for garbage in ("x", "é", token[:-4], "A" * 40, token[:8] + ("B" if token[8] != "B" else "C") + token[9:]):
            with pytest.raises(InvalidInput, match="not one this service issued"):
                self.tokens.read(garbage, "u", self.now)
        with pytest.raises(InvalidInput, match="bytes long"):
            self.tokens.read("A" * 100_000, "u", self.now)


class TestRules:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("[[rule]\n", "not valid TOML"),
            ('[[rule]]\nname="x"\ndo="lift"', "rule.0.do"),
            ('[[rule]]\nname="x"\ndo="boost"', "boost needs `amount`"),
            ('[[rule]]\nname="x"\ndo="boost"\namount=-1', "rule.0.amount"),
            ('[[rule]]\nname="x"\ndo="boost"\namount=inf', "rule.0.amount"),
            ('[[rule]]\nname="x"\ndo="pin"\nposition=1', "pin needs `items.item_ids`"),
            ('[[rule]]\nname="x"\ndo="cap"\nmax=1', "cap needs `per`"),
            ('[[rule]]\nname="x"\ndo="exclude"\namount=1', "`amount` means nothing to exclude"),
            ('[[rule]]\nname="x"\ndo="exclude"\nitems={categorys=["a"]}', "rule.0.items.categorys"),
            ('[[rule]]\nname="x"\ndo="exclude"\n[[rule]]\nname="x"\ndo="exclude"', "two rules are named 'x'"),
        ],
    )
    def test_a_bad_file_names_the_rule_and_the_field(self, text, message):
        with pytest.raises(InvalidInput) as error:
            parse_rules(text)
        assert message in str(error.value)

    def test_boost_and_bury_add_terms_where_they_match(self, world, ask):
        world.item("a", category="local", age_hours=1)
        world.item("b", category="local", age_hours=50)
        world.item("c", category="world", author="x")
        rules = parse_rules(
            '[[rule]]\nname="local"\ndo="boost"\namount=0.5\nitems={categories=["local"], max_age_hours=12}\n'
            '[[rule]]\nname="x"\ndo="bury"\namount=2\nitems={authors=["x"]}\n'
            '[[rule]]\nname="none"\ndo="bury"\namount=2\nitems={authors=["nobody"]}'
        )
        got = terms(rules, ask(), world.state.catalog, world.raw("a", "b", "c"))
        assert {name: column.tolist() for name, column in got.items()} == {
            "rule:local": [0.5, 0.0, 0.0],
            "rule:x": [0.0, 0.0, -2.0],
        }

    def test_when_asks_for_every_named_part(self, ask):
        rules = parse_rules(
            '[[rule]]\nname="x"\ndo="exclude"\nwhen={surfaces=["home"],start=2023-01-01T00:00:00Z,end=2023-12-01T00:00:00}'
        )
        assert rules.ruling(ask(surface="home"), "exclude")
        assert not rules.ruling(ask(surface="push"), "exclude")
        assert not rules.ruling(ask(surface="home", now=1_800_000_000 * SECOND), "exclude")
