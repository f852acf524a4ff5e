"""The query language: its text, its limits, and every operator on real rows."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalake_ops.platform.ql.grammar import DEPTH, NODES, parse
from datalake_ops.platform.ql.moments import parse_period
from datalake_ops.platform.ql.tree import LISTS, And, Comparison, Literal, Node, Operator, Or, QueryError
from datalake_ops.platform.ql.tree import render as text_of
from datalake_ops.testing import PlatformServer
from tests.platform.images import a_jpeg
from tests.platform.lakes import LakeApi

RESERVED = {"and", "or", "not", "in", "True", "False", "None"}
words = st.text(string.ascii_letters + "_", min_size=1, max_size=6).filter(lambda word: word not in RESERVED)
names = st.lists(words, min_size=1, max_size=3).map(".".join)
texts = st.text(st.characters(codec="utf-8"), max_size=20)
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
scalars: st.SearchStrategy[Literal] = texts | numbers | st.sampled_from([True, False, None])


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    operator = draw(st.sampled_from(Operator))
    if operator in LISTS:
        return Comparison(draw(names), operator, tuple(draw(st.lists(scalars, min_size=1, max_size=4))))
    return Comparison(draw(names), operator, (draw(scalars),))


def joined(children: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    def flat(kind: type[And] | type[Or], parts: list[Node]) -> Node:
        merged = [piece for part in parts for piece in (part.parts if isinstance(part, kind) else (part,))]
        return kind(tuple(merged))

    several = st.lists(children, min_size=2, max_size=3)
    return st.builds(flat, st.sampled_from([And, Or]), several)


trees: st.SearchStrategy[Node] = st.recursive(comparisons(), joined, max_leaves=12)


@given(trees)
def test_the_text_of_a_tree_gives_the_tree_again(tree: Node) -> None:
    assert same(parse(text_of(tree)), tree)


def same(one: Node, other: Node) -> bool:
    """Equality that also tells True from 1 and 1 from 1.0."""
    return one == other and repr_of_values(one) == repr_of_values(other)


def repr_of_values(node: Node) -> list[str]:
    if isinstance(node, Comparison):
        return [repr(value) for value in node.values]
    return [text for part in node.parts for text in repr_of_values(part)]


@given(st.text(max_size=60))
def test_any_text_is_a_tree_or_a_query_error(text: str) -> None:
    try:
        tree = parse(text)
    except QueryError:
        return
    assert same(parse(text_of(tree)), tree)


def test_and_binds_closer_than_or() -> None:
    assert parse("a = 1 or b = 2 and c = 3") == parse("a = 1 or (b = 2 and c = 3)")
    assert parse("a = 1 and b = 2 or c = 3") == parse("(a = 1 and b = 2) or c = 3")


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        (' and tags.name in ("a")', 2, "a field name"),
        ("width =", 8, "the end"),
        ("filename = 'x'", 12, "double quotes"),
        ("a = 1 AND b = 2", 7, "lower case"),
        ("a = true", 5, "True"),
        ("a in ()", 7, "a number"),
        ('a contains "x"', 3, "~"),
        ('a = "x', 5, "closing quote"),
        ('a = "\\q"', 5, "escape"),
        ("a = 1 b = 2", 7, '"and"'),
        ("(a = 1", 7, '")"'),
        ("not a = 1", 1, "a field name"),
        ("a = 99999999999999999999", 5, "64 bits"),
        ("a = 1e999", 5, "too large"),
        ("a-b = 1", 2, "one of ="),
    ],
)
def test_a_mistake_is_named_with_its_column(text: str, column: int, says: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)

    assert caught.value.column == column
    assert says in caught.value.message


def test_a_query_has_limits() -> None:
    deep = "a = 1"
    for number in range(DEPTH):
        deep = f"({deep} {'and' if number % 2 else 'or'} b = {number})"
    for text in ("a = 1 or " * NODES + "b = 2", deep, f'a = "{"x" * 4096}"'):
        with pytest.raises(QueryError, match="at most"):
            parse(text)
    assert parse("(" * 1000 + "a = 1" + ")" * 1000) == parse("a = 1")


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2024", "2024-01-01T00:00:00+00:00", "2025-01-01T00:00:00+00:00"),
        ("2024-12", "2024-12-01T00:00:00+00:00", "2025-01-01T00:00:00+00:00"),
        ("2024-02-29", "2024-02-29T00:00:00+00:00", "2024-03-01T00:00:00+00:00"),
        ("2024-03-01 14:30", "2024-03-01T14:30:00+00:00", "2024-03-01T14:31:00+00:00"),
        ("2024-03-01T14:30:05Z", "2024-03-01T14:30:05+00:00", "2024-03-01T14:30:06+00:00"),
        ("2024-03-01T14:30:05.25+02:00", "2024-03-01T12:30:05.250000+00:00", "2024-03-01T12:30:05.250001+00:00"),
    ],
)
def test_a_date_is_a_period(text: str, start: str, end: str) -> None:
    found = parse_period(text)

    assert found is not None
    assert (found.start.isoformat(), found.end.isoformat()) == (start, end)


@pytest.mark.parametrize("text", ["", "today", "2024-13", "2024-02-30", "24-01-01", "9999", "2024-01-01 25:00"])
def test_what_is_no_date_is_none(text: str) -> None:
    assert parse_period(text) is None


@pytest.fixture(scope="module")
def three(datalake_platform: PlatformServer) -> LakeApi:
    """Three data: a.jpg (tags day, front), B_50%.jpg (tag day), c.jpg (nothing at all)."""
    lake = LakeApi(datalake_platform, lake_id=datalake_platform.add_lake("query language"))
    day, front = lake.a_tag("day"), lake.a_tag("front")
    lake.a_data(
        "a.jpg",
        a_jpeg(640, 480),
        tags=[day, front],
        data_source_id=lake.a_source("Camera 1"),
        metadata={"latitude": 48.5, "longitude": 2.5, "weather": "Rain", "acquired_at": "2024-03-01T10:00:00+02:00"},
        custom_metadata={"line": 3, "name": "North", "ok": True, "none": None, "camera": {"id": "x7"}},
    )
    lake.a_data(
        "B_50%.jpg",
        a_jpeg(320, 240),
        tags=[day],
        data_source_id=lake.a_source("camera 2"),
        metadata={"latitude": -3.25, "longitude": 0, "weather": "sun", "acquired_at": "2024-04-01T10:00:00"},
        custom_metadata={"line": 7.5, "name": "south", "ok": False, "text": "3"},
    )
    lake.a_data("c.jpg", a_jpeg(100, 100, seed=3))
    return lake


A, B, C = "a.jpg", "B_50%.jpg", "c.jpg"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        # Text.
        ('filename = "a.jpg"', [A]),
        ('filename = "A.jpg"', []),
        ('filename != "a.jpg"', [B, C]),
        ('filename ~ "JPG"', [A, B, C]),
        ('filename ~ "_50%"', [B]),
        ('filename ~ "_5_%"', []),
        ('filename !~ "b_"', [A, C]),
        ('filename startswith "b_"', [B]),
        ('filename not startswith "b_"', [A, C]),
        ('filename startswith "%"', []),
        ('filename endswith "_50_.jpg"', []),
        ('filename endswith "C.JPG"', [C]),
        ('filename not endswith "c.jpg"', [A, B]),
        ('filename < "b"', [A, B]),
        ('filename <= "a.jpg"', [A, B]),
        ('filename > "a.jpg"', [C]),
        ('filename >= "a.jpg"', [A, C]),
        ('filename in ("a.jpg", "c.jpg", "x")', [A, C]),
        ('filename not in ("a.jpg")', [B, C]),
        ('content_type = "image/jpeg"', [A, B, C]),
        # Choices.
        ('type = "IMAGE"', [A, B, C]),
        ('type != "IMAGE"', []),
        ('upload_status in ("DONE", "ERROR")', [A, B, C]),
        # Numbers.
        ("width = 640", [A]),
        ("width != 640", [B, C]),
        ("meta.width < 320", [C]),
        ("width <= 320", [B, C]),
        ("height > 240", [A]),
        ("meta.height >= 240.0", [A, B]),
        ("width in (100, 640)", [A, C]),
        ("width not in (100, 640)", [B]),
        ("file_size > 0", [A, B, C]),
        # Moments.
        ('created_at > "2020"', [A, B, C]),
        ('created_at < "2020-01-01"', []),
        ('created_at != "2020"', [A, B, C]),
        # Tags: each condition for itself, negatives mean no such tag.
        ('tags.name = "day"', [A, B]),
        ('tags.name = "day" and tags.name = "front"', [A]),
        ('tags.name in ("front","never")', [A]),
        ('tags.name in ("day","front")', [A, B]),
        ('tags.name != "front"', [B, C]),
        ('tags.name not in ("day","front")', [C]),
        ('tags.name ~ "RON"', [A]),
        ('tags.name !~ "ron"', [B, C]),
        ('tags.name startswith "da"', [A, B]),
        ('tags.name not startswith "da"', [C]),
        ('tags.name endswith "t"', [A]),
        ('tags.name not endswith "y"', [C]),
        ('tags.name > "e"', [A]),
        ('tags.name = "never"', []),
        ('tags.name != "never"', [A, B, C]),
        ("tags.name = None", [C]),
        ("tags.name != None", [A, B]),
        ('tags.name = "day" or width = 100', [A, B, C]),
        ('(tags.name = "front" or tags.name = "never") and tags.name = "day"', [A]),
        ('tags.name = "day" and filename = "B_50%.jpg"', [B]),
        # Sources.
        ('data_source.name = "Camera 1"', [A]),
        ('data_source.name ~ "camera"', [A, B]),
        ('data_source.name != "Camera 1"', [B, C]),
        ('data_source.name in ("camera 2")', [B]),
        ("data_source.name = None", [C]),
        ("data_source.name != None", [A, B]),
        # Datasets: there are none.
        ('datasets.version = "v1"', []),
        ('datasets.version != "v1"', [A, B, C]),
        ("datasets.version = None", [A, B, C]),
        # Metadata.
        ('metadata.weather = "sun"', [B]),
        ('metadata.weather ~ "rain"', [A]),
        ('metadata.weather != "sun"', [A, C]),
        ("metadata.weather = None", [C]),
        ("metadata.latitude < 0", [B]),
        ("metadata.latitude = 48.5", [A]),
        ("metadata.latitude != 48.5", [B, C]),
        ("metadata.longitude in (0, 2.5)", [A, B]),
        ('metadata.acquired_at = "2024-03-01 08:00"', [A]),
        ('metadata.acquired_at ~ "2024-03"', [A]),
        ('metadata.acquired_at !~ "2024-03"', [B, C]),
        ('metadata.acquired_at >= "2024-03-02"', [B]),
        ('metadata.acquired_at < "2024-03-01 08:00"', []),
        ('metadata.acquired_at <= "2024-03-01"', [A]),
        ('metadata.acquired_at > "2024-03-01"', [B]),
        ('metadata.acquired_at in ("2024-03", "2024-04")', [A, B]),
        # Custom metadata: only values of the literal's type.
        ("custom_metadata.line = 3", [A]),
        ('custom_metadata.text = "3"', [B]),
        ('custom_metadata.line = "3"', []),
        ("custom_metadata.line > 3", [B]),
        ("custom_metadata.line != 3", [B, C]),
        ("custom_metadata.line in (3, 7.5)", [A, B]),
        ("custom_metadata.line not in (3)", [B, C]),
        ("custom_metadata.ok = True", [A]),
        ("custom_metadata.ok = False", [B]),
        ("custom_metadata.ok != True", [B, C]),
        ("custom_metadata.ok = 1", []),
        ('custom_metadata.name ~ "NOR"', [A]),
        ('custom_metadata.name startswith "s"', [B]),
        ('custom_metadata.name not startswith "s"', [A, C]),
        ('custom_metadata.name in ("North", "x")', [A]),
        ('custom_metadata.camera.id = "x7"', [A]),
        ("custom_metadata.none = None", [A, B, C]),
        ("custom_metadata.line = None", [C]),
        ("custom_metadata.line != None", [A, B]),
        # Together.
        ("", [A, B, C]),
        ('width = 640 or filename = "c.jpg" and width = 1', [A]),
        ('(width = 640 or filename = "c.jpg") and width = 100', [C]),
        ('filename = "' + "a.jpg" + '" and filename != "a.jpg"', []),
    ],
)
def test_a_query_finds(three: LakeApi, query: str, expected: list[str]) -> None:
    assert three.names(query) == sorted(expected)


@pytest.mark.parametrize("value", ["a.jpg", "c.jpg"])
def test_a_query_finds_by_id_and_object_name(three: LakeApi, value: str) -> None:
    data = three.json("GET", f"{three.path}/datas/find?filename={value}")

    assert three.names(f'id = "{data["id"]}"') == [value]
    assert value not in three.names(f'id != "{data["id"]}"')
    assert three.names(f'id in ("{data["id"]}", "{data["id"].upper()}")') == [value]
    assert three.names(f'object_name = "{data["object_name"]}"') == [value]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ('filenam = "x"', "filename"),
        ('metadata.wether = "x"', "metadata.weather"),
        ("tag = 1", "tags.name"),
        ('password = "x"', "no field"),
        ('lake_key = "x"', "no field"),
        ('width = "x"', "a number"),
        ("width ~ 3", "~"),
        ("width = True", "a number"),
        ("filename = 3", "double quotes"),
        ("filename < None", "None"),
        ("filename in (None)", "None"),
        ('type = "SOUND"', "VIDEO"),
        ('id = "x"', "UUID"),
        ('created_at > "yesterday"', "2024-03-01"),
        ('created_at startswith "2024"', "date"),
        ("tags.name = 1", "double quotes"),
        ("tags.name in (None)", "None"),
        ("custom_metadata.ok > True", "True"),
        ("custom_metadata.n in (None)", "None"),
        ("custom_metadata.n ~ 3", "texts"),
        ("custom_metadata." + "k" * 65 + " = 1", "64"),
        ("custom_metadata = 1", "no field"),
    ],
)
def test_a_query_that_cannot_be_meant_is_refused_with_its_column(three: LakeApi, query: str, says: str) -> None:
    message = three.message(three.listing(q=query))

    assert "column" in message
    assert says in message


def test_the_largest_queries_run(three: LakeApi) -> None:
    deep = 'filename != "x"'
    for number in range(DEPTH - 1):
        deep = f"({deep} {'and' if number % 2 else 'or'} custom_metadata.a != {number})"
    wide = " or ".join(f"width = {number}" for number in range(NODES))
    tags = " and ".join('tags.name !~ "x"' for _ in range(100))

    for query in (deep, wide, tags):
        assert three.listing(q=query).status_code == 200


def test_a_query_never_reaches_another_lake(three: LakeApi, lake: LakeApi) -> None:
    lake.a_data("mine.jpg", tags=[lake.a_tag("day")])

    assert lake.names('tags.name = "day" or width > 0') == ["mine.jpg"]


@pytest.mark.parametrize("value", ["'; drop table data; --", '"x"', "100%", "_", "\\", "Zoë 電車", "x" * 200])
def test_tag_names_are_values_and_never_code(lake: LakeApi, value: str) -> None:
    lake.a_data("tagged.jpg", tags=[lake.a_tag(value)])
    lake.a_data("other.jpg")

    assert lake.names(f"tags.name = {quoted(value)}") == ["tagged.jpg"]
    assert lake.names(f"tags.name ~ {quoted(value)}") == ["tagged.jpg"]
    assert lake.names(f"tags.name not in ({quoted(value)})") == ["other.jpg"]


def quoted(value: str) -> str:
    return text_of(Comparison("x", Operator.EQUAL, (value,))).removeprefix("x = ")
