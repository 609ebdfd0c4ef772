"""Reading tables: good rows stay, bad ones are named, counts add up."""

import csv
import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from feedrank.errors import InvalidInput
from feedrank.importers.delimited import read_delimited
from feedrank.importers.rejections import LINE, RejectedGroup, Rejections
from feedrank.importers.tables import read_parquet, read_table, read_tsv, require_columns


def everything(_: str) -> bool:
    return True


def places(rejections: Rejections) -> dict[str, list[int]]:
    return {f"{g.field} {g.reason}": [e.line for e in g.examples] for g in rejections.groups()}


@pytest.fixture
def rejections() -> Rejections:
    return Rejections()


def test_tsv_keeps_good_rows_and_names_the_bad_lines(tmp_path: Path, rejections: Rejections) -> None:
    path = tmp_path / "f.tsv"
    path.write_bytes(b'a\tb\tc\r\n\nshort\t1\n\xff\xfe\tx\ty\n"q\tz\tw\nfour\t1\t2\t3\n')
    table = read_tsv(path, ["x", "y", "z"], rejections)
    assert table.frame.rows() == [(1, "a", "b", "c"), (5, '"q', "z", "w")]
    assert table.rows == 5
    assert places(rejections) == {
        "line is not valid UTF-8": [4],
        "line has 2 columns, 3 expected": [3],
        "line has 4 columns, 3 expected": [6],
    }
    assert rejections.groups()[2].examples[0].value == "byte 1: 0xff"


def test_tsv_drops_a_byte_order_mark(tmp_path: Path, rejections: Rejections) -> None:
    path = tmp_path / "f.tsv"
    path.write_bytes(b"\xef\xbb\xbfa\tb\n")
    assert read_tsv(path, ["x", "y"], rejections).frame["x"].to_list() == ["a"]


@pytest.mark.parametrize("name", ["f.tsv", "f.csv", "f.jsonl"])
def test_an_empty_file_is_named_and_is_no_row(tmp_path: Path, rejections: Rejections, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"")
    assert read_table(path, everything, (), rejections).rows == 0
    assert [(g.field, g.reason, g.examples[0].file) for g in rejections.groups()] == [("file", "is empty", name)]
    assert rejections.count == 0


@given(st.binary(max_size=200))
def test_any_bytes_are_rows_or_refusals(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("bytes") / "f"
    path.write_bytes(data)
    rejections = Rejections()
    table = read_tsv(path, ["x", "y"], rejections)
    assert table.rows == table.frame.height + rejections.count
    rejections = Rejections()
    try:
        read = read_delimited(path, ",", everything, rejections)
    except InvalidInput:
        event("header refused")
    else:
        assert read.rows == read.frame.height + rejections.count or not read.columns


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@given(st.lists(st.tuples(cells, cells, cells), max_size=20), st.sampled_from(["\n", "\r\n"]))
def test_csv_reads_back_whatever_a_csv_writer_wrote(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]], end: str
) -> None:
    path = tmp_path_factory.mktemp("csv") / "f.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([("a", "b", "c"), *rows])
    rejections = Rejections()
    read = read_delimited(path, ",", everything, rejections)
    assert read.frame.select("a", "b", "c").fill_null("").rows() == rows
    assert read.rows == len(rows) and rejections.count == 0


def test_csv_line_numbers_count_lines_inside_quotes(tmp_path: Path, rejections: Rejections) -> None:
    path = tmp_path / "f.csv"
    path.write_text('a,b\n1,"two\nlines"\nshort\n3,4\n')
    read = read_delimited(path, ",", everything, rejections)
    assert read.frame[LINE].to_list() == [2, 5]
    assert places(rejections) == {"line has 1 columns, 2 expected": [4]}


def test_a_quote_that_never_closes_costs_only_its_own_line(tmp_path: Path, rejections: Rejections) -> None:
    path = tmp_path / "f.csv"
    path.write_text('a,b\n1,2\n3,"open\n5,6\n7,8\n9,x"y"\n"z"w,1\n11,12\n')
    read = read_delimited(path, ",", everything, rejections)
    assert read.frame["a"].to_list() == ["1", "5", "7", "9", "11"]
    assert places(rejections) == {"line has a broken quote": [3, 7]}
    assert read.rows == 7


def test_csv_refuses_undecodable_rows_only(tmp_path: Path, rejections: Rejections) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes("a,b\n1,ü\n2,".encode() + b"\xc3\x28\n3,4\n")
    assert read_delimited(path, ",", everything, rejections).frame["a"].to_list() == ["1", "3"]
    assert places(rejections) == {"line is not valid UTF-8": [3]}


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"a,b, a", r"f\.csv: the header names 'a' more than once"),
        (b"a,\xff", r"f\.csv: the header is not valid UTF-8"),
        (b'a,"b', r"f\.csv: the header has a broken quote; correct line 1"),
    ],
)
def test_an_unusable_header_fails_the_file(tmp_path: Path, rejections: Rejections, header: bytes, message: str) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes(header + b"\n1,2,3\n")
    with pytest.raises(InvalidInput, match=message):
        read_delimited(path, ",", everything, rejections)


def test_json_lines(tmp_path: Path, rejections: Rejections) -> None:
    path = tmp_path / "f.jsonl"
    lines = [
        '{"a": "x", "n": 1.5, "l": ["p", "q"]}',
        "{broken",
        "[1]",
        '{"a": {"b": 1}}',
        '{"a": "\\ud800"}',
        '{"n": true}',
    ]
    path.write_text("\n".join(lines) + "\n")
    table = read_table(path, everything, ("l",), rejections)
    assert table.frame.select(LINE, "a", "n", "l").rows() == [(1, "x", "1.5", '["p", "q"]'), (6, None, "true", None)]
    assert table.columns == ("a", "n", "l") and table.rows == 6
    assert places(rejections) == {
        "a is a list or an object; text or a number expected": [4],
        "line holds half of a surrogate pair; no such text exists in UTF-8": [5],
        "line is not a JSON object": [3],
        "line is not valid JSON": [2],
    }


def test_json_nested_too_deep_is_refused(tmp_path: Path, rejections: Rejections) -> None:
    path = tmp_path / "f.jsonl"
    path.write_text("[" * 200_000 + "\n" + json.dumps({"a": "1"}) + "\n")
    assert read_table(path, everything, (), rejections).frame["a"].to_list() == ["1"]
    assert rejections.groups()[0].reason == "is not valid JSON"


def test_parquet_numbers_its_rows(tmp_path: Path, rejections: Rejections) -> None:
    path = tmp_path / "f.parquet"
    pl.DataFrame({"a": [5, 6], "b": ["x", "y"]}).write_parquet(path)
    table = read_parquet(path, lambda name: name == "a", rejections)
    assert table.frame.rows() == [(5, 1), (6, 2)] and table.columns == ("a", "b")
    with pytest.raises(InvalidInput, match=r"f\.parquet: a list needs the column\(s\) c, d; the file has a, b"):
        require_columns(table, ["a", "c", "d"], "a list")


@pytest.mark.parametrize("content", [b"", b"not parquet", b"PAR1 truncated"])
def test_a_broken_parquet_file_is_named(tmp_path: Path, rejections: Rejections, content: bytes) -> None:
    path = tmp_path / "f.parquet"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"f\.parquet: cannot be read as Parquet"):
        read_parquet(path, everything, rejections)


@pytest.mark.parametrize("name", ["f.tsv", "f.csv", "f.jsonl", "f.parquet"])
def test_a_missing_file_is_named(tmp_path: Path, rejections: Rejections, name: str) -> None:
    with pytest.raises(InvalidInput, match=f"{name}: cannot be read"):
        read_table(tmp_path / name, everything, (), rejections)


def test_an_unknown_format_is_named(tmp_path: Path, rejections: Rejections) -> None:
    with pytest.raises(InvalidInput, match=r"f\.xlsx: cannot tell the format"):
        read_table(tmp_path / "f.xlsx", everything, (), rejections)


def test_refusals_group_and_keep_the_first_places() -> None:
    rejections = Rejections()
    for line in range(1, 11):
        rejections.add(Path("d/f.csv"), line, "time", "is not a time", f"v{line}")
    rejections.add(Path("d/f.csv"), 3, "user_id", "is too long", "someone")
    (often, once) = rejections.groups()
    assert isinstance(often, RejectedGroup) and often.count == 10
    assert [str(e) for e in often.examples] == ["f.csv:1 'v1'", "f.csv:2 'v2'", "f.csv:3 'v3'"]
    assert str(once.examples[0]) == "f.csv:3"  # never a user id
    assert rejections.count == 11


def test_a_reason_that_differs_on_every_row_does_not_flood_the_report() -> None:
    rejections = Rejections()
    for line in range(1_000):
        rejections.add(Path("f"), line, "x", f"reason {line}")
    groups = rejections.groups()
    assert len(groups) <= 101 and sum(g.count for g in groups) == 1_000


@pytest.mark.parametrize(
    ("reason", "field", "grouped", "value"),
    [
        ("time 1990-01-01T00:00:00Z lies before 2000", "time", "N lies before 2000", "1990-01-01T00:00:00Z"),
        ('user_id is 300 bytes long; at most 256, it begins "me@x"', "user_id",
         'is N bytes long; at most 256, it begins "…"', ""),
        ("position 0 lies outside 1..100000", "position", "N lies outside 1..100000", "0"),
        ("query is empty; SEARCH needs one", "query", "is empty; SEARCH needs one", ""),
    ],
)  # fmt: skip
def test_store_reasons_group_without_their_values(reason: str, field: str, grouped: str, value: str) -> None:
    rejections = Rejections()
    rejections.add_store_reason(Path("f"), 1, reason)
    (group,) = rejections.groups()
    assert (group.field, group.reason, group.examples[0].value) == (field, grouped, value)
