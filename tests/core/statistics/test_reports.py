"""Reports against the ledger: whatever happened, their totals are its balances, to the đồng."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, date, datetime, timedelta

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import DAY, KEYS, World, make_world

from adapters.contract import Notice, Outcome
from core.kit.database import Driver, transaction
from core.ledger.positions import GivenBack, give_back, payment_positions, take
from core.ledger.queries import balances
from core.ledger.service import next_journal, post, reverse_journal, sync_invoice_totals
from core.merchants.directory import find_merchant
from core.payments.ingest.group_commit import commit_notices
from core.payments.ingest.inbound import InboundNotice
from core.statistics.cashbook import bank_books, day_book, day_flows
from core.statistics.cashless import (
    Cashless,
    by_province,
    cashless_by_month,
    cashless_of_all_schools,
)
from core.statistics.queries import day_figures
from core.statistics.reports import collected_by_item, debt_by_class, in_table

START = date(2026, 8, 25)
_codes = itertools.count()
_transactions = itertools.count()


async def pay(
    engine: AsyncEngine, world: World, adapter: str, amount_vnd: int, content: str, on: date
) -> int:
    """Money arrives at noon of `on`; the id of its payment."""
    async with transaction(engine) as db:
        merchant = await find_merchant(db, KEYS, adapter, world.merchants[adapter][1])
    assert merchant is not None
    notice = Notice(
        transaction_id=f"R{next(_transactions)}",
        outcome=Outcome.PAID,
        amount_vnd=amount_vnd,
        paid_at=datetime(on.year, on.month, on.day, 5, tzinfo=UTC),
        content=content,
        payee_account="" if adapter == "vnpay" else world.bank_number,
    )
    recorded = await commit_notices(engine, [InboundNotice(merchant, notice, b"{}")])
    return int(recorded.verdicts[0].record_id)


async def reverse(db: Driver, world: World, payment_id: int, on: date) -> None:
    """Take back the journal by which a payment was booked."""
    journal_id = await db.raw.fetchval(
        "SELECT min(journal_id) FROM transfer WHERE school_id = $1 AND payment_id = $2",
        world.school_id,
        payment_id,
    )
    await reverse_journal(db, world.school_id, journal_id, on, "nhầm")


async def refund(db: Driver, world: World, payment_id: int, amount_vnd: int, on: date) -> None:
    """Give back at most `amount_vnd` of what is left of a payment, as a refund is booked."""
    position = (await payment_positions(db, world.school_id, [payment_id])).get(payment_id)
    if position is None or position.held_by_id is None:
        return
    taken = take(position.parts, min(amount_vnd, position.total_vnd))
    given_back = GivenBack(
        school_id=world.school_id,
        journal_id=await next_journal(db),
        payment_id=payment_id,
        paid_from_id=position.held_by_id,
        business_date=on,
        memo="HOAN000001",
    )
    await post(db, give_back(given_back, taken))
    await sync_invoice_totals(
        db, world.school_id, [part.invoice_id for part in taken if part.invoice_id is not None]
    )


async def with_lines(db: Driver, world: World, lines_vnd: list[int]) -> None:
    """The world's only invoice gets these lines, each of a fee item of its own."""
    await db.raw.execute("DELETE FROM invoice_line WHERE school_id = $1", world.school_id)
    await db.raw.execute(
        """
        WITH item AS (
          INSERT INTO fee_item (school_id, code, name, nature, unit, bank_account_id, is_optional)
          SELECT $1, 'L' || n, 'Khoản ' || n, 'service', 'tháng', $4, false
            FROM generate_series(1, cardinality($3::bigint[])) n RETURNING id, code)
        INSERT INTO invoice_line (school_id, invoice_id, line_no, fee_item_id, description, unit,
                                  unit_price_vnd, quantity, amount_vnd)
        SELECT $1, $2, n, item.id, item.code, 'tháng', amount_vnd, 1, amount_vnd
          FROM unnest($3::bigint[]) WITH ORDINALITY AS l(amount_vnd, n) JOIN item ON item.code = 'L' || n
        """,
        world.school_id,
        world.invoices[0].id,
        lines_vnd,
        world.bank_account_id,
    )


def poured(lines_vnd: list[int], amounts_vnd: list[int]) -> list[list[int]]:
    """The rule, đồng by đồng: line after line is filled; the last takes what is over."""
    free_vnd = list(lines_vnd)
    spread = []
    for amount_vnd in amounts_vnd:
        row = [0] * len(free_vnd)
        for _ in range(amount_vnd):
            line = next((n for n, left in enumerate(free_vnd) if left > 0), len(free_vnd) - 1)
            free_vnd[line] -= 1
            row[line] += 1
        spread.append(row)
    return spread


async def settled_until(
    db: Driver, world: World, lines_vnd: list[int], until: date
) -> Counter[tuple[str, str]]:
    """What is settled of each line by each channel at the end of a day, by the rule."""
    rows = await db.raw.fetch(
        """
        SELECT p.channel, coalesce(sum(CASE WHEN a.id = t.credit_account_id THEN t.amount_vnd
               ELSE -t.amount_vnd END) FILTER (WHERE t.business_date <= $3), 0)::bigint AS amount_vnd
          FROM transfer t JOIN payment p ON p.school_id = t.school_id AND p.id = t.payment_id
          JOIN ledger_account a ON a.school_id = t.school_id AND a.kind = 'receivable'
           AND a.id IN (t.credit_account_id, t.debit_account_id)
         WHERE t.school_id = $1 AND t.invoice_id = $2 GROUP BY p.id, p.channel ORDER BY min(t.id)
        """,
        world.school_id,
        world.invoices[0].id,
        until,
    )
    found: Counter[tuple[str, str]] = Counter()
    for row, spread in zip(
        rows, poured(lines_vnd, [row["amount_vnd"] for row in rows]), strict=True
    ):
        for line, amount_vnd in enumerate(spread, start=1):
            found[f"L{line}", row["channel"]] += amount_vnd
    return found


async def collected(db: Driver, world: World, since: date, until: date) -> Counter[tuple[str, str]]:
    """The report as (item's code or purpose, channel) -> VND."""
    found: Counter[tuple[str, str]] = Counter()
    for one in await collected_by_item(db, world.school_id, since, until):
        assert one.amount_vnd
        found[one.code or one.purpose, one.channel] += one.amount_vnd
    return found


def not_zero(counter: Counter[tuple[str, str]]) -> dict[tuple[str, str], int]:
    return {key: amount_vnd for key, amount_vnd in counter.items() if amount_vnd}


def minus(
    after: Counter[tuple[str, str]], before: Counter[tuple[str, str]]
) -> Counter[tuple[str, str]]:
    return Counter({key: after[key] - before[key] for key in {*after, *before}})


async def money_held(db: Driver, world: World, until: date) -> int:
    """What all bank and clearing accounts hold, VND."""
    kinds = await db.raw.fetch(
        "SELECT id FROM ledger_account WHERE school_id = $1 AND kind IN ('bank', 'clearing')",
        world.school_id,
    )
    held = await balances(db, world.school_id, until)
    return sum(held[row["id"]] for row in kinds)


steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("pay"), st.integers(1, 90), st.sampled_from(["sepay", "vnpay"]), st.integers(-3, 0)
        ),
        st.tuples(st.just("nobody"), st.integers(1, 90), st.just("sepay"), st.just(0)),
        st.tuples(st.just("reverse"), st.integers(0, 5), st.just(""), st.just(0)),
        st.tuples(st.just("refund"), st.integers(1, 60), st.just(""), st.integers(0, 5)),
    ),
    min_size=1,
    max_size=9,
)  # fmt: skip


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines_vnd=st.lists(st.integers(1, 60), min_size=1, max_size=4), history=steps)
@example(  # reported late: paid before the reversal that made space for it
    lines_vnd=[10, 10],
    history=[("pay", 20, "sepay", 0), ("reverse", 0, "", 0), ("pay", 20, "vnpay", -3)],
)
async def test_reports_are_the_ledger_whatever_happened(
    engine: AsyncEngine, lines_vnd: list[int], history: list[tuple[str, int, str, int]]
) -> None:
    async with transaction(engine) as db:
        world = await make_world(db, [sum(lines_vnd)], code=f"R{next(_codes)}")
        await with_lines(db, world, lines_vnd)
    paid: list[int] = []
    taken_back: set[int] = set()
    for step, (what, number, adapter, more) in enumerate(history):
        on = START + timedelta(days=2 * step)
        if what in {"pay", "nobody"}:
            text = world.invoices[0].reference if what == "pay" else "chuyen tien"
            when = on + timedelta(days=more)
            paid.append(await pay(engine, world, adapter, number, text, when))
            continue
        if not paid:
            continue
        async with transaction(engine) as db:
            chosen = paid[(number if what == "reverse" else more) % len(paid)]
            if what == "refund":
                await refund(db, world, chosen, number, on)
            elif chosen not in taken_back:
                await reverse(db, world, chosen, on)
            taken_back.add(chosen)  # what was refunded in part is not reversed whole any more
    last = START + timedelta(days=2 * len(history))
    first = START - timedelta(days=4)
    async with transaction(engine) as db:
        for until in (START, START + timedelta(days=1), START + timedelta(days=7), last):
            for since in (first, START + timedelta(days=3)):
                if since > until:
                    continue
                before = since - timedelta(days=1)
                found = await collected(db, world, since, until)
                moved_vnd = await money_held(db, world, until) - await money_held(db, world, before)
                assert sum(found.values()) == moved_vnd
                table = in_table(await collected_by_item(db, world.school_id, since, until))
                assert table.total_vnd == sum(row.total_vnd for row in table.rows) == moved_vnd
                lines = Counter({key: vnd for key, vnd in found.items() if key[0][0] == "L"})
                expected = minus(
                    await settled_until(db, world, lines_vnd, until),
                    await settled_until(db, world, lines_vnd, before),
                )
                assert not_zero(lines) == not_zero(expected)
            # two periods add up to the whole
            middle = START + timedelta(days=3)
            if middle < until:
                whole = await collected(db, world, first, until)
                parts = await collected(db, world, first, middle)
                for key, vnd in (
                    await collected(db, world, middle + timedelta(days=1), until)
                ).items():
                    parts[key] += vnd
                assert not_zero(parts) == not_zero(whole)
            held = await balances(db, world.school_id, until)
            receivable_id = await db.raw.fetchval(
                "SELECT id FROM ledger_account WHERE school_id = $1 AND kind = 'receivable'",
                world.school_id,
            )
            debts = await debt_by_class(db, world.school_id, until)
            assert sum(one.total_vnd for one in debts) == held[receivable_id]
            for book in await bank_books(db, world.school_id):
                day = await day_book(db, world.school_id, book.ledger_account_id, until)
                assert day.closing_vnd == held[book.ledger_account_id]
                assert not day.entries or day.entries[-1].balance_vnd == day.closing_vnd
        months = await cashless_by_month(db, world.school_id, last)
        assert sum(one.figures.total_vnd for one in months) == await money_held(db, world, last)


async def test_what_was_taken_back_the_same_day_was_not_collected(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        world = await make_world(db, [100_000, 200_000, 300_000])
    wrong, partly, kept = [
        await pay(engine, world, "sepay", one.total_vnd, one.reference, DAY)
        for one in world.invoices
    ]
    async with transaction(engine) as db:
        await reverse(db, world, wrong, DAY)
        await refund(db, world, partly, 50_000, DAY)
        day = await day_figures(db, world.school_id, DAY)
        assert (day.collected_vnd, day.payment_count) == (450_000, 2)
        month = (await cashless_by_month(db, world.school_id, DAY))[-1]
        assert (month.figures.total_vnd, month.figures.total_count) == (450_000, 2)

        # a refund of the next day lowers that day's report, not what came in on it
        tomorrow = DAY + timedelta(days=1)
        await refund(db, world, kept, 300_000, tomorrow)
        day = await day_figures(db, world.school_id, tomorrow)
        assert (day.collected_vnd, day.payment_count) == (0, 0)
        assert sum((await collected(db, world, tomorrow, tomorrow)).values()) == -300_000
        assert sum((await collected(db, world, DAY, tomorrow)).values()) == 150_000


async def test_a_part_payment_fills_the_lines_in_their_order(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        world = await make_world(db, [100])
        await with_lines(db, world, [30, 50, 20])
    reference = world.invoices[0].reference
    first = await pay(engine, world, "sepay", 40, reference, DAY)
    await pay(engine, world, "vnpay", 45, reference, DAY)
    await pay(engine, world, "sepay", 25, reference, DAY)  # ten over: the pupil's credit
    await pay(engine, world, "sepay", 7, "?", DAY)
    async with transaction(engine) as db:
        assert await collected(db, world, DAY, DAY) == {
            ("L1", "sepay"): 30,
            ("L2", "sepay"): 10,
            ("L2", "vnpay"): 40,
            ("L3", "vnpay"): 5,
            ("L3", "sepay"): 15,
            ("student_credit", "sepay"): 10,
            ("suspense", "sepay"): 7,
        }
        await reverse(db, world, first, DAY)
        assert await collected(db, world, DAY, DAY) == {
            ("L1", "vnpay"): 30,
            ("L2", "vnpay"): 15,
            ("L2", "sepay"): 15,
            ("student_credit", "sepay"): 10,
            ("suspense", "sepay"): 7,
        }


async def test_a_debt_ages_from_the_day_after_it_was_due(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        world = await make_world(db, [100])
        due_on = await db.raw.fetchval("SELECT due_on FROM invoice")
        for days, age in ((0, 0), (1, 1), (30, 1), (31, 2), (60, 2), (61, 3), (90, 3), (91, 4)):
            on = due_on + timedelta(days=days)
            (debt,) = await debt_by_class(db, world.school_id, on)
            expected = [100 if place == age else 0 for place in range(5)]
            assert (debt.name, list(debt.by_age_vnd)) == ("3A", expected)
            assert debt.overdue_vnd == (100 if days else 0)
        assert await debt_by_class(db, world.school_id, date(2026, 8, 31)) == []  # not issued yet


async def test_cash_that_is_entered_one_day_is_not_cashless(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        world = await make_world(db, [100_000, 200_000])
    cash, _ = [
        await pay(engine, world, "sepay", one.total_vnd, one.reference, DAY)
        for one in world.invoices
    ]
    async with transaction(engine) as db:
        await db.raw.execute("UPDATE payment SET channel = 'cash' WHERE id = $1", cash)
        months = await cashless_by_month(db, world.school_id, DAY)
    assert len(months) == 12
    assert months[0].month == date(2025, 10, 1)
    assert months[0].figures.amount_permille is None
    assert months[-1].figures == Cashless(
        total_vnd=300_000, total_count=2, cashless_vnd=200_000, cashless_count=1
    )
    assert (months[-1].figures.amount_permille, months[-1].figures.count_permille) == (666, 500)


async def test_the_sector_is_the_sum_of_its_schools(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        worlds = [await make_world(db, [100_000], code=code) for code in ("A1", "A2", "B1", "C1")]
        for world, province in zip(worlds, ["Hà Nội", "Hà Nội", "Cần Thơ", ""], strict=True):
            await db.raw.execute(
                "UPDATE school SET province = $2 WHERE id = $1", world.school_id, province
            )
    for world in worlds[:3]:
        await pay(engine, world, "sepay", 100_000, world.invoices[0].reference, DAY)
    await pay(engine, worlds[0], "vnpay", 5_000, "?", date(2026, 10, 1))  # another month
    async with transaction(engine) as db:
        schools = await cashless_of_all_schools(db, DAY)
    assert [one.code for one in schools] == ["C1", "B1", "A1", "A2"]
    found = {
        one.province: (one.school_count, one.figures.total_vnd, one.figures.cashless_count)
        for one in by_province(schools)
    }
    assert found == {"": (1, 0, 0), "Cần Thơ": (1, 100_000, 1), "Hà Nội": (2, 200_000, 2)}


async def test_the_bank_book_names_references_and_follows_on(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        world = await make_world(db, [100_000])
    reference = world.invoices[0].reference
    payment_id = await pay(engine, world, "sepay", 130_000, reference, DAY)
    async with transaction(engine) as db:
        await refund(db, world, payment_id, 30_000, DAY + timedelta(days=1))
        book = (await bank_books(db, world.school_id))[0]
        first = await day_book(db, world.school_id, book.ledger_account_id, DAY)
        (entry,) = first.entries  # an invoice and credit, yet one receipt of the bank
        assert (entry.kind, entry.in_vnd, entry.references) == ("receipt", 130_000, (reference,))
        second = await day_book(
            db, world.school_id, book.ledger_account_id, DAY + timedelta(days=1)
        )
        assert (second.opening_vnd, second.closing_vnd) == (130_000, 100_000)
        assert [(one.kind, one.out_vnd) for one in second.entries] == [("refund", 30_000)]
        flows = await day_flows(
            db, world.school_id, book.ledger_account_id, DAY + timedelta(days=1)
        )
        assert [(one.in_vnd, one.out_vnd) for one in flows[-2:]] == [(130_000, 0), (0, 30_000)]
        assert len(flows) == 14
