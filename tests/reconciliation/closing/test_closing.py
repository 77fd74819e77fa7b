"""A person closes what the night proved: the books lock, the record is signed, two persons reopen it."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.bank_day import OPENING_VND, bring, bring_day, pay, proof_of
from support.closing_school import (
    NEXT,
    checked,
    close,
    locked,
    next_day,
    problem_code,
    quiet_day,
    reopen,
    transfers,
)
from support.factories import DAY, KEYS
from support.statement_files import Entry, mb_csv

from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from core.kit.errors import DomainError
from core.kit.seal import Keys
from core.ledger.service import open_day
from reconciliation.closing.blockers import close_blockers
from reconciliation.closing.records import (
    GENESIS,
    RecordKind,
    effective_closes,
    record_hash,
    records_of,
    signature_of,
)
from reconciliation.closing.service import (
    draft_of,
    reopen_day,
    request_reopening,
)
from reconciliation.closing.verification import VerifiedCloses
from reconciliation.jobs.reconcile_day import reconcile
from reconciliation.statements.imports import import_statement, preview_statement


async def test_a_proved_day_is_closed_and_its_night_stays_as_it_was(engine: AsyncEngine) -> None:
    world = await quiet_day(engine)
    night = await reconcile(engine, world.school_id, DAY)

    assert await close(engine, world) == 1

    assert await locked(engine, world) == DAY
    async with transaction(engine) as db:
        (record,) = await records_of(db, world.school_id)
        vouched = await db.raw.fetchrow(
            "SELECT count(*) AS count, sum(amount_vnd)::bigint AS sum_vnd FROM transfer WHERE business_date <= $1",
            DAY,
        )
    assert (record.kind, record.day, record.actor) == (RecordKind.CLOSED, DAY, "ketoan")
    body = record.body
    assert body["result_hash"] == night.result_hash
    assert [file["file"] for file in body["statements"]] == ["mb.csv"]
    assert sum(row["count"] for row in body["transfers"]) == vouched["count"]
    assert sum(row["sum_vnd"] for row in body["transfers"]) == vouched["sum_vnd"]
    assert {proof["account"]: proof["difference_vnd"] for proof in body["proofs"]}[
        world.bank_number
    ] == 0
    assert await checked(engine, world) == VerifiedCloses(records=1, faults=())

    await pay(engine, world, "LATE", 200_000, world.invoices[1].reference)
    assert await reconcile(engine, world.school_id, DAY) == night
    eve = await reconcile(engine, world.school_id, DAY - timedelta(1))
    assert (eve.proofs, eve.result_hash) == ((), night.result_hash)  # vouched for, never run


async def test_what_stands_in_the_way_is_named_and_nothing_is_written(engine: AsyncEngine) -> None:
    world = await quiet_day(engine)
    async with transaction(engine) as db:
        ways = {one.account: one.why for one in await close_blockers(db, world.school_id, DAY)}
    assert ways == {world.bank_number: "not_proved"}  # no night yet; the other account never moved
    await pay(
        engine, world, "MB1", 50_000, "quy lop", adapter="mb", payee_account=world.other_bank_number
    )
    before = await transfers(engine, world)

    with pytest.raises(DomainError) as caught:
        await close(engine, world)

    assert problem_code(caught) == ("day_not_proved", 409)
    (fault,) = caught.value.faults
    assert (fault.code, fault.value) == ("no_statement", world.other_bank_number)
    assert await locked(engine, world) is None
    assert await transfers(engine, world) == before
    assert (await checked(engine, world)).records == 0


async def test_a_difference_and_a_day_to_come_are_never_closed(engine: AsyncEngine) -> None:
    world = await quiet_day(engine)
    later = DAY + timedelta(2)
    await bring_day(engine, world, [Entry(later, 5_000, "lai", "FT9")], OPENING_VND)
    with pytest.raises(DomainError) as caught:
        await close(engine, world, later)
    (fault,) = caught.value.faults
    assert (fault.code, fault.vi) == (
        "difference",
        f"{world.bank_number}: còn lệch -100.000 ₫".replace(" ₫", fault.vi[-2:]),
    )
    with pytest.raises(DomainError) as caught:
        await close(engine, world, business_date(now_utc()) + timedelta(1))
    assert problem_code(caught) == ("future_day", 422)
    await close(engine, world)
    with pytest.raises(DomainError) as caught:
        await close(engine, world)
    assert problem_code(caught) == ("day_closed", 409)


async def test_money_told_late_is_booked_on_the_first_open_day(engine: AsyncEngine) -> None:
    world = await quiet_day(engine)
    await close(engine, world)
    before = await transfers(engine, world)

    await pay(engine, world, "LATE", 200_000, world.invoices[1].reference)
    await next_day(engine, world, Entry(NEXT, 7_000, "lai tien gui", "FT2"))
    night = await reconcile(engine, world.school_id, NEXT)

    async with transaction(engine) as db:
        payment = await db.raw.fetchrow(
            "SELECT business_date, booked_on, id FROM payment WHERE amount_vnd = 200000"
        )
        days = await db.raw.fetch(
            "SELECT DISTINCT business_date FROM transfer WHERE payment_id = $1", payment["id"]
        )
        paid = await db.raw.fetchval(
            "SELECT paid_vnd FROM invoice WHERE id = $1", world.invoices[1].id
        )
        assert await open_day(db, world.school_id, DAY) == NEXT
        assert await open_day(db, world.school_id, NEXT) == NEXT
    assert (payment["business_date"], payment["booked_on"]) == (DAY, NEXT)
    assert [row[0] for row in days] == [NEXT]
    assert paid == 200_000
    assert await transfers(engine, world) == before
    proof = proof_of(night, world.bank_number)
    assert proof.difference_vnd == 0
    assert {item.kind: item.amount_vnd for item in proof.items}["missing_in_statement"] == -200_000
    assert await checked(engine, world) == VerifiedCloses(records=1, faults=())


async def test_the_database_refuses_a_posting_on_a_closed_day(engine: AsyncEngine) -> None:
    world = await quiet_day(engine)
    await close(engine, world)
    copied = """
      INSERT INTO transfer (school_id, journal_id, kind, debit_account_id, credit_account_id, amount_vnd, business_date)
      SELECT school_id, journal_id, 'suspense', debit_account_id, credit_account_id, 1, unnest($1::date[])
        FROM transfer LIMIT $2"""
    async with transaction(engine) as db:
        await db.raw.execute(copied, [NEXT], 1)
    with pytest.raises(asyncpg.CheckViolationError, match="the books are closed until"):
        async with transaction(engine) as db:
            await db.raw.execute(copied, [NEXT, DAY], 2)


async def test_a_file_with_a_new_line_on_a_closed_day_is_refused(engine: AsyncEngine) -> None:
    world = await quiet_day(engine)
    await close(engine, world)
    known = Entry(DAY, 100_000, world.invoices[0].reference, "FT1")
    longer = mb_csv(
        world.bank_number,
        OPENING_VND,
        [known, Entry(DAY, 5_000, "lai", "FT8"), Entry(NEXT, 6_000, "lai", "FT9")],
    )
    async with transaction(engine) as db:
        seen = await preview_statement(
            db, world.school_id, world.bank_account_id, longer, "them.csv"
        )
    (fault,) = seen.faults
    assert (fault.code, fault.row, fault.value) == ("day_closed", 5, f"{DAY:%d/%m/%Y}")
    with pytest.raises(DomainError) as caught:
        await bring(engine, world, longer)
    assert problem_code(caught) == ("day_closed", 422)

    known_and_new = mb_csv(
        world.bank_number, OPENING_VND, [known, Entry(NEXT, 6_000, "lai", "FT9")]
    )
    assert (await bring(engine, world, known_and_new)).new_lines == 1

    await reopen(engine, world)
    first = mb_csv(world.bank_number, OPENING_VND - 5_000, [Entry(DAY, 5_000, "lai", "FT7"), known])
    assert (await bring(engine, world, first)).new_lines == 1


async def test_reopening_takes_two_persons_and_leaves_every_record(engine: AsyncEngine) -> None:
    world = await quiet_day(engine)
    school = (engine, KEYS, world.school_id)
    with pytest.raises(DomainError) as caught:
        await request_reopening(*school, DAY, actor="an", reason="x")
    assert problem_code(caught) == ("not_the_latest_close", 409)
    await close(engine, world)
    await next_day(engine, world, Entry(NEXT, 7_000, "lai", "FT2"))
    await close(engine, world, NEXT)

    with pytest.raises(DomainError) as caught:
        await request_reopening(*school, DAY, actor="an", reason="x")
    assert problem_code(caught) == ("not_the_latest_close", 409)
    with pytest.raises(DomainError) as caught:
        await reopen_day(*school, NEXT, actor="hieutruong")
    assert problem_code(caught) == ("reopening_not_asked", 409)
    with pytest.raises(DomainError) as caught:
        await request_reopening(*school, NEXT, actor="ketoan", reason=" ")
    assert problem_code(caught) == ("reason_missing", 422)
    await request_reopening(*school, NEXT, actor="ketoan", reason="Ghi nhầm")
    with pytest.raises(DomainError) as caught:
        await request_reopening(*school, NEXT, actor="khac", reason="Ghi nhầm")
    assert problem_code(caught) == ("reopening_asked", 409)
    with pytest.raises(DomainError) as caught:
        await reopen_day(*school, NEXT, actor=" KeToan ")
    assert problem_code(caught) == ("same_person", 403)
    assert await locked(engine, world) == NEXT

    await reopen_day(*school, NEXT, actor="hieutruong")

    assert await locked(engine, world) == DAY
    assert await close(engine, world, NEXT) == 5
    async with transaction(engine) as db:
        records = await records_of(db, world.school_id)
        audited = await db.raw.fetch(
            "SELECT action FROM audit_entry WHERE action LIKE 'day.%' ORDER BY id"
        )
    assert [record.kind for record in records] == [
        "closed", "closed", "reopen_requested", "reopened", "closed",
    ]  # fmt: skip
    assert records[2].body["closed_number"] == records[3].body["closed_number"] == 2
    assert (records[3].body["requested_by"], records[3].body["locked_until"]) == (
        "ketoan",
        DAY.isoformat(),
    )
    assert records[4].body["reopened_number"] == 2
    assert [record.number for record in effective_closes(records)] == [1, 5]
    assert [row[0] for row in audited] == [f"day.{record.kind}" for record in records]
    assert await checked(engine, world) == VerifiedCloses(records=5, faults=())


async def test_a_request_lapses_when_the_next_day_is_closed(engine: AsyncEngine) -> None:
    world = await quiet_day(engine)
    await close(engine, world)
    await request_reopening(engine, KEYS, world.school_id, DAY, actor="an", reason="x")
    await next_day(engine, world, Entry(NEXT, 7_000, "lai", "FT2"))
    await close(engine, world, NEXT)
    with pytest.raises(DomainError) as caught:
        await reopen_day(engine, KEYS, world.school_id, DAY, actor="binh")
    assert caught.value.code == "not_the_latest_close"


async def test_a_reopened_day_proves_with_what_was_booked_meanwhile(engine: AsyncEngine) -> None:
    world = await quiet_day(engine)
    await close(engine, world)
    await pay(engine, world, "LATE", 200_000, world.invoices[1].reference)
    await reopen(engine, world)
    late = Entry(DAY, 200_000, world.invoices[1].reference, "FT2")
    await bring_day(engine, world, [Entry(DAY, 100_000, world.invoices[0].reference, "FT1"), late])

    night = await reconcile(engine, world.school_id, DAY)

    proof = proof_of(night, world.bank_number)
    assert proof.difference_vnd == 0
    items = {item.kind: item.amount_vnd for item in proof.items}
    assert (items["matched"], items["posted_ahead"]) == (300_000, 200_000)
    await close(engine, world)
    after = await reconcile(engine, world.school_id, NEXT)
    assert (
        proof_of(after, world.bank_number).difference_vnd is None
    )  # no statement, and no surprise
    assert await checked(engine, world) == VerifiedCloses(records=4, faults=())


async def test_an_account_that_begins_after_the_lock_opens_on_the_first_open_day(
    engine: AsyncEngine,
) -> None:
    world = await quiet_day(engine)
    await close(engine, world)
    before = await transfers(engine, world)
    await next_day(engine, world, Entry(NEXT, 7_000, "lai", "FT2"))
    other = mb_csv(world.other_bank_number, 900_000, [Entry(NEXT, 1_000, "lai", "GT1")])
    async with transaction(engine) as db:
        await import_statement(
            db, world.school_id, world.other_bank_account_id, other, "khac.csv", actor="an"
        )
    first = await reconcile(engine, world.school_id, NEXT)
    count = len(await transfers(engine, world, NEXT))
    again = await reconcile(engine, world.school_id, NEXT)
    assert again == first or again.result_hash == first.result_hash
    assert len(await transfers(engine, world, NEXT)) == count
    assert proof_of(first, world.other_bank_number).difference_vnd == 0
    await pay(
        engine, world, "MBLATE", 30_000, "nop muon", adapter="mb",
        payee_account=world.other_bank_number, day=DAY - timedelta(1),
    )  # fmt: skip
    told = await reconcile(engine, world.school_id, NEXT)
    assert proof_of(told, world.other_bank_number).difference_vnd == 0
    assert await transfers(engine, world) == before
    await reopen(engine, world)
    back = await reconcile(engine, world.school_id, NEXT)
    assert proof_of(back, world.other_bank_number).difference_vnd == 0


async def test_records_can_neither_be_changed_nor_removed(engine: AsyncEngine) -> None:
    world = await quiet_day(engine)
    await close(engine, world)
    for change in (
        "UPDATE day_close SET actor = 'x'",
        "DELETE FROM day_close",
        "TRUNCATE day_close",
    ):
        with pytest.raises(asyncpg.RestrictViolationError):
            async with transaction(engine) as db:
                await db.raw.execute(change)


@pytest.mark.parametrize(
    ("tampering", "fault"),
    [
        (
            "UPDATE day_close SET body = jsonb_set(body, '{proofs}', '[]')",
            "record 1 does not hash to what it says",
        ),
        ("UPDATE day_close SET actor = 'x'", "record 1 is out of its place"),
        (
            f"UPDATE day_close SET signature = '\\x{bytes(32).hex()}'",
            "record 1 is not signed by this installation",
        ),
        ("UPDATE school SET books_locked_until = NULL", "the books are locked until None"),
        ("DELETE FROM day_close", f"the books are locked until {DAY}"),
        (
            "UPDATE transfer SET amount_vnd = amount_vnd + 1 WHERE payment_id IS NOT NULL",
            f"the transfers until {DAY} are not those that record 1 counted",
        ),
        (
            "UPDATE transfer SET created_at = now() WHERE payment_id IS NOT NULL",
            "1 transfers of closed days were posted after record 1",
        ),
    ],
)
async def test_tampering_is_found(engine: AsyncEngine, tampering: str, fault: str) -> None:
    world = await quiet_day(engine)
    await close(engine, world)
    async with transaction(engine) as db:
        await db.raw.execute(
            "SET LOCAL session_replication_role = replica"
        )  # as nobody but an owner may
        await db.raw.execute(tampering)
    found, *_ = (await checked(engine, world)).faults
    assert found.startswith(fault)


async def test_another_installation_cannot_sign(engine: AsyncEngine) -> None:
    world = await quiet_day(engine)
    await close(engine, world)
    strange = Keys(master=b"x" * 32, reference=KEYS.reference)
    assert (await checked(engine, world, strange)).faults == (
        "record 1 is not signed by this installation",
    )


def test_the_hash_of_a_record_is_pinned() -> None:
    body = {
        "number": 1,
        "kind": "closed",
        "date": "2026-09-10",
        "school": {"code": "TH01", "name": "Trường Tiểu học Hoa Sen"},
        "proofs": [{"account": "0123456789", "closing_vnd": 5_100_000, "difference_vnd": 0}],
        "since": None,
    }
    first = record_hash(GENESIS, body)
    assert first.hex() == "738574f9d21c1c1843a6612a5ce3df4c36783148b744df6ad1e7c0bc2e9a545b"
    assert (
        record_hash(first, body).hex()
        == "bf90ef3619a764e5b74dc327903f39d898cfebffd3964534e7037f18e4390af7"
    )
    assert record_hash(GENESIS, dict(reversed(body.items()))) == first
    assert record_hash(GENESIS, json.loads(json.dumps(body))) == first
    assert (
        signature_of(KEYS, first).hex()
        == "2e0d637c72b0cc19d0254efa7b242ef8b36d8ec7f5f3e81c6f6c086306f96c59"
    )
    with pytest.raises(TypeError):
        record_hash(GENESIS, {"a": [1.0]})


async def test_payments_and_closes_at_once_leave_closed_days_alone(engine: AsyncEngine) -> None:
    world = await quiet_day(engine)
    await reconcile(engine, world.school_id, DAY)

    async def late(number: int) -> None:
        await asyncio.sleep(number * 0.004)
        await pay(engine, world, f"C{number}", 10_000 + number, "khong ro")

    async def try_to_close() -> str:
        try:
            return str(await close(engine, world))
        except DomainError as problem:
            return problem.code

    said = await asyncio.gather(
        try_to_close(), try_to_close(), *(late(number) for number in range(12))
    )

    assert sorted(said[:2]) == ["1", "day_closed"]
    assert await checked(engine, world) == VerifiedCloses(records=1, faults=())
    async with transaction(engine) as db:
        booked = await db.raw.fetchval("SELECT count(*) FROM payment WHERE content = 'khong ro'")
        record = (await records_of(db, world.school_id))[0]
    assert booked == 12
    await next_day(engine, world, Entry(NEXT, 7_000, "lai", "FT2"))
    night = await reconcile(engine, world.school_id, NEXT)
    assert proof_of(night, world.bank_number).difference_vnd == 0
    assert record.body["transfers"]


async def test_a_draft_says_what_a_close_would_vouch_for(engine: AsyncEngine) -> None:
    world = await quiet_day(engine)
    async with transaction(engine) as db:
        assert await draft_of(db, world.school_id, DAY) is None
    await pay(engine, world, "S9", 70_000, "khong ro", day=DAY - timedelta(1))
    await reconcile(engine, world.school_id, DAY)
    async with transaction(engine) as db:
        draft = await draft_of(db, world.school_id, DAY)
    await close(engine, world)
    async with transaction(engine) as db:
        (record,) = await records_of(db, world.school_id)
    assert draft
    for same in (
        "nights",
        "statements",
        "settlements",
        "transfers",
        "open_exceptions",
        "result_hash",
    ):
        assert draft[same] == record.body[same], same
    assert draft["open_exceptions"] == [
        {"reason": "unknown_reference", "count": 1, "sum_vnd": 70_000}
    ]
