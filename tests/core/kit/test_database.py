"""The driver: what is read as what, and what a wrong row type is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal, NewType

import pytest
from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncEngine

from core.kit.database import (
    Command,
    Driver,
    Query,
    borrowed,
    check_rows,
    transaction,
)
from core.kit.rows import RowError, is_instance, reader_of
from core.models.identity import login_attempt

SchoolId = NewType("SchoolId", int)


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Everything:
    number: SchoolId
    name: str
    is_true: bool
    day: date
    at: datetime
    share: Decimal
    raw: bytes
    colour: Colour
    other_colour: Colour | None
    side: Literal["debit", "credit"]
    detail: Mapping[str, Any]
    more: dict[str, int] | None
    ids: tuple[int, ...]
    colours: tuple[Colour, ...]
    days: frozenset[date]
    words: tuple[str, ...]
    details: tuple[Mapping[str, int], ...]


EVERYTHING = Query(
    Everything,
    """
    SELECT 5::bigint AS number, 'Lan' AS name, true AS is_true, date '2026-09-05' AS day,
           timestamptz '2026-09-05 08:00+07' AS at, 1.50::numeric AS share, '\\x00ff'::bytea AS raw,
           'red' AS colour, NULL::text AS other_colour, 'debit' AS side, '{"a": [1]}'::jsonb AS detail,
           NULL::jsonb AS more, ARRAY[1, 2]::bigint[] AS ids, ARRAY['red', 'blue'] AS colours,
           ARRAY[date '2026-09-05'] AS days, '["x", "y"]'::jsonb AS words,
           ARRAY['{"n": 1}']::jsonb[] AS details
    """,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered:
    n: int
    square: int


NUMBERS = Query(
    Numbered, "SELECT n, n * n AS square FROM generate_series(1, $1::int) AS n ORDER BY n"
)
NUMBER = Query(int, "SELECT n FROM generate_series(1, $1::int) AS n ORDER BY n")
COLOUR = Query(Colour, "SELECT c FROM unnest($1::text[]) AS c")
MAKE = Command("CREATE TEMP TABLE thing (id int, name text, detail jsonb) ON COMMIT DROP")
ADD = Command("INSERT INTO thing (id, name) VALUES ($1, $2)")
RENAME = Command("UPDATE thing SET name = $1 WHERE id > $2")
NAMES = Query(str, "SELECT name FROM thing ORDER BY id")


@pytest.fixture
async def db(engine: AsyncEngine) -> AsyncIterator[Driver]:
    async with transaction(engine) as db:
        yield db


@pytest.fixture
def unchecked() -> Iterator[None]:
    before = check_rows(is_on=False)
    yield
    check_rows(is_on=before)


async def test_each_field_is_read_as_its_annotation_asks(db: Driver) -> None:
    (row,) = await db.fetch(EVERYTHING)
    assert row == Everything(
        number=SchoolId(5),
        name="Lan",
        is_true=True,
        day=date(2026, 9, 5),
        at=datetime(2026, 9, 5, 1, tzinfo=UTC),
        share=Decimal("1.50"),
        raw=b"\x00\xff",
        colour=Colour.RED,
        other_colour=None,
        side="debit",
        detail={"a": [1]},
        more=None,
        ids=(1, 2),
        colours=(Colour.RED, Colour.BLUE),
        days=frozenset({date(2026, 9, 5)}),
        words=("x", "y"),
        details=({"n": 1},),
    )
    assert isinstance(row.colour, Colour)
    assert type(row) is Everything
    with pytest.raises(AttributeError):
        row.name = "Mai"  # type: ignore[misc] # frozen: that is the point


async def test_rows_values_and_their_absence(db: Driver) -> None:
    assert await db.fetch(NUMBERS, 2) == [Numbered(n=1, square=1), Numbered(n=2, square=4)]
    assert await db.fetch(NUMBERS, 0) == []
    assert await db.fetch_one(NUMBERS, 3) == Numbered(n=1, square=1)
    assert await db.fetch_one(NUMBERS, 0) is None
    assert await db.fetch(NUMBER, 3) == [1, 2, 3]
    assert await db.fetch_value(NUMBER, 3) == 1
    assert await db.fetch_value(NUMBER, 0) is None
    assert await db.fetch_value(Query(int, "SELECT NULL::int AS n")) is None
    assert await db.fetch(COLOUR, ["blue", "red"]) == [Colour.BLUE, Colour.RED]
    with pytest.raises(ValueError, match="'green' is not a valid Colour"):
        await db.fetch_value(COLOUR, ["green"])


async def test_only_a_row_that_must_exist(db: Driver) -> None:
    assert await db.fetch_only(NUMBER, 1) == 1
    for count in (0, 2):
        with pytest.raises(RowError, match=f"SELECT n FROM .* one row must exist, {count} were"):
            await db.fetch_only(NUMBER, count)


async def test_a_command_counts_the_rows_it_wrote(db: Driver) -> None:
    assert await db.execute(MAKE) == 0
    await db.execute_many(ADD, [(1, "a"), (2, "b"), (3, "c")])
    assert await db.execute(RENAME, "z", 1) == 2
    assert await db.execute(RENAME, "z", 9) == 0
    assert await db.execute(ADD, 4, "d") == 1
    assert await db.fetch(NAMES) == ["a", "z", "z", "d"]


async def test_copy_in_gives_the_number_of_records(db: Driver) -> None:
    await db.execute(MAKE)
    records = ((n, f"name {n}", '{"n": 1}') for n in range(1_500))
    assert await db.copy_in("thing", ("id", "name", "detail"), records) == 1_500
    assert await db.copy_in("thing", ("id",), []) == 0
    assert (await db.fetch(NAMES))[-1] == "name 1499"


async def test_a_cursor_reads_on_while_other_statements_run(db: Driver) -> None:
    seen = [
        row.n + await db.fetch_only(NUMBER, 1) async for row in db.cursor(NUMBERS, 7, prefetch=3)
    ]
    assert seen == [2, 3, 4, 5, 6, 7, 8]
    sizes = [len(rows) async for rows in db.batches(NUMBERS, 7, size=3)]
    assert sizes == [3, 3, 1]
    assert [row async for row in db.cursor(NUMBERS, 0)] == []


async def test_a_savepoint_takes_back_what_failed(db: Driver) -> None:
    await db.execute(MAKE)

    async def fail() -> None:
        async with db.transaction():
            await db.execute(ADD, 1, "a")
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await fail()
    async with db.transaction():
        await db.execute(ADD, 2, "b")
    assert await db.fetch(NAMES) == ["b"]


@dataclass(frozen=True, slots=True)
class Attempt:
    username: str
    remote_ip: str


def attempts(
    *, since: str = "", ips: tuple[str, ...] = (), descending: bool = False, limit: int
) -> Any:
    """Filters, an order and a page, as a listing puts them together."""
    columns = login_attempt.c
    made = select(columns.username, columns.remote_ip).limit(limit)
    if since:
        made = made.where(columns.username > bindparam("since", since))
    if ips:
        made = made.where(columns.remote_ip.in_(ips))
    return made.order_by(columns.username.desc() if descending else columns.username)


async def test_statements_put_together_at_run_time(db: Driver) -> None:
    records = [("a", "1"), ("b", "2"), ("c", "1"), ("d", "3"), ("e'; --", "1")]
    await db.copy_in("login_attempt", ("username", "remote_ip"), records)

    async def names(**wanted: Any) -> list[str]:
        return [row.username for row in await db.select(Attempt, attempts(**wanted))]

    assert await names(limit=2) == ["a", "b"]
    assert await names(limit=2, since="b") == ["c", "d"]
    assert await names(limit=9, descending=True, ips=("1", "3")) == ["e'; --", "d", "c", "a"]
    assert await names(limit=9, since="b", ips=("1",)) == ["c", "e'; --"]
    second = attempts(limit=2).offset(2)
    assert await db.select(Attempt, second) == [Attempt("c", "1"), Attempt("d", "3")]
    everyone = attempts(limit=1).union_all(attempts(limit=1, since="c"))
    assert len(await db.select(Attempt, everyone)) == 2
    with pytest.raises(RowError, match=r"columns \['username', 'remote_ip'\], but fields"):
        await db.select(Numbered, attempts(limit=1))


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        (Query(Numbered, "SELECT 1 AS square, 1 AS n"), r"columns \['square', 'n'\], but fields"),
        (Query(Numbered, "SELECT 1 AS n"), r"Query\(Numbered, 'SELECT 1 AS n'\): columns \['n'\]"),
        (Query(int, "SELECT 1, 2"), "one column is wanted"),
    ],
)
async def test_columns_bear_the_names_of_the_fields(
    db: Driver, query: Query[Any], complaint: str, unchecked: None
) -> None:
    with pytest.raises(RowError, match=complaint):
        await db.fetch(query)


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ("NULL::int AS n, 1 AS square", "column n is to be int, not None"),
        ("1 AS n, 'x' AS square", "column square is to be int, not 'x'"),
        ("1 AS n, true AS square", "column square is to be int, not True"),
        ("1 AS n, 2::numeric AS square", r"column square is to be int, not Decimal\('2'\)"),
    ],
)
async def test_checked_rows_hold_what_their_annotations_say(
    db: Driver, columns: str, complaint: str
) -> None:
    query = Query(Numbered, f"SELECT {columns}")
    with pytest.raises(RowError, match=rf"Query\(Numbered, .SELECT .*\): {complaint}"):
        await db.fetch(query)


async def test_unchecked_rows_are_taken_as_they_come(db: Driver, unchecked: None) -> None:
    row = await db.fetch_only(Query(Numbered, "SELECT NULL::int AS n, true AS square"))
    assert (row.n, row.square) == (None, True)


@pytest.mark.parametrize(
    ("value", "annotation", "expected"),
    [
        (1, int, True),
        (True, int, False),
        (None, int, False),
        (None, int | None, True),
        (datetime(2026, 1, 1, tzinfo=UTC), date, False),
        (date(2026, 1, 1), datetime, False),
        ("red", Colour, False),
        (Colour.RED, str, True),
        ("debit", Literal["debit"], True),
        ("other", Literal["debit"], False),
        (7, SchoolId, True),
        ("7", SchoolId, False),
        ((1, 2), tuple[int, ...], True),
        ([1, 2], tuple[int, ...], False),
        ((1, None), tuple[int, ...], False),
        ((1, "a"), tuple[int, str], True),
        ((1,), tuple[int, str], False),
        ({"a": 1}, Mapping[str, int], True),
        ({"a": "1"}, Mapping[str, int], False),
        ("{}", Mapping[str, int], False),
        (object(), Any, True),
    ],
)
def test_instances_of_annotations(value: object, annotation: Any, expected: bool) -> None:
    assert is_instance(value, annotation) is expected


def test_row_types_that_cannot_be_read() -> None:
    @dataclass(frozen=True, slots=True)
    class Odd:
        number: int | str

    @dataclass(frozen=True)
    class Slotless:
        number: int

    @dataclass(frozen=True, slots=True)
    class Checked:
        number: int

        def __post_init__(self) -> None:
            raise NotImplementedError

    with pytest.raises(TypeError, match=r"Odd\.number: no column is read as"):
        reader_of(Odd)
    with pytest.raises(TypeError, match="Slotless is to be a dataclass with slots"):
        reader_of(Slotless)
    with pytest.raises(TypeError, match=r"Checked\.__post_init__ would not run"):
        reader_of(Checked)
    with pytest.raises(TypeError, match="no column is read as"):
        reader_of(object.__class__)


async def test_a_borrowed_connection_commits_by_itself(engine: AsyncEngine) -> None:
    add = Command("INSERT INTO login_attempt (username, remote_ip) VALUES ($1, $2)")
    count = Query(int, "SELECT count(*) FROM login_attempt")

    async def fail() -> None:
        async with transaction(engine) as db:
            await db.execute(add, "mai", "::1")
            raise RuntimeError("no")

    async with borrowed(engine) as db:
        await db.execute(add, "lan", "::1")
    with pytest.raises(RuntimeError, match="no"):
        await fail()
    async with borrowed(engine) as db:
        assert await db.fetch_only(count) == 1
