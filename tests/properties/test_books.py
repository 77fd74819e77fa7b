"""Random histories of payments: nothing is created or lost, and every number agrees with the ledger."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import KEYS, World, make_world

from adapters.contract import Notice, Outcome, VerdictKind
from core.kit.database import transaction
from core.kit.errors import DomainError
from core.ledger.queries import balances, disagreements
from core.ledger.service import reverse_journal
from core.merchants.directory import find_merchant
from core.payments.ingest.group_commit import commit_notices
from core.payments.ingest.inbound import InboundNotice

START = datetime(2026, 9, 10, 1, 0, tzinfo=UTC)
FAR = date(2030, 1, 1)
_codes = itertools.count()


@dataclass(frozen=True)
class Pay:
    """Money arrives; `text` names an invoice, a student, nobody, or an invoice with a slip of the pen."""

    transaction: int
    invoice: int
    amount_vnd: int
    text: str
    adapter: str
    foreign_account: bool


@dataclass(frozen=True)
class Reverse:
    """A person takes back what the n-th journal did."""

    nth: int


pays = st.builds(
    Pay,
    transaction=st.integers(0, 12),
    invoice=st.integers(0, 3),
    amount_vnd=st.one_of(
        st.sampled_from([1, 99_999, 100_000, 200_000, 300_000]), st.integers(1, 10**12)
    ),
    text=st.sampled_from(["exact", "student", "slip", "nobody"]),
    adapter=st.sampled_from(["sepay", "vnpay"]),
    foreign_account=st.booleans(),
)
histories = st.lists(
    st.lists(st.one_of(pays, st.builds(Reverse, nth=st.integers(0, 20))), min_size=1, max_size=5),
    min_size=1,
    max_size=5,
)


def _text(world: World, pay: Pay) -> str:
    invoice = world.invoices[pay.invoice]
    slip = "7" if invoice.reference[6] != "7" else "8"
    return {
        "exact": f"MBVCB.1.{invoice.reference} HOC PHI",
        "student": world.student_references[invoice.student_id],
        "slip": invoice.reference[:6] + slip + invoice.reference[7:],
        "nobody": "chuyen tien",
    }[pay.text]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories)
async def test_books_balance_whatever_happens(
    engine: AsyncEngine, history: list[list[object]]
) -> None:
    async with transaction(engine) as db:
        world = await make_world(
            db, [100_000, 200_000, 100_000, 300_000], code=f"P{next(_codes)}", per_student=2
        )
        merchants = {
            name: await find_merchant(db, KEYS, name, world.merchants[name][1])
            for name in ("sepay", "vnpay")
        }
    arrived: dict[tuple[str, int], int] = {}
    reversed_vnd = 0
    for step, together in enumerate(history):
        items = [
            InboundNotice(
                merchants[pay.adapter],  # type: ignore[arg-type]
                Notice(
                    transaction_id=str(pay.transaction),
                    outcome=Outcome.PAID,
                    amount_vnd=pay.amount_vnd,
                    paid_at=START + timedelta(days=step),
                    content=_text(world, pay),
                    payee_account="999" if pay.foreign_account else "",
                ),
                b"raw",
            )
            for pay in together
            if isinstance(pay, Pay)
        ]
        verdicts = (await commit_notices(engine, items)).verdicts if items else ()
        for item, verdict in zip(items, verdicts, strict=True):
            key = (item.merchant.adapter, int(item.notice.transaction_id))
            if verdict.kind is VerdictKind.CONFLICT:
                assert key in arrived
            else:
                assert verdict.duplicate == (key in arrived)
                arrived.setdefault(key, item.notice.amount_vnd)
        for action in together:
            if isinstance(action, Reverse):
                reversed_vnd += await _reverse_payment(engine, world, action.nth)
        await _check(engine, world, sum(arrived.values()) - reversed_vnd)


async def _reverse_payment(engine: AsyncEngine, world: World, nth: int) -> int:
    """Reverse the n-th payment's journal; 0 when there is none or it was reversed before."""
    async with transaction(engine) as db:
        rows = await db.raw.fetch(
            "SELECT journal_id, sum(amount_vnd)::bigint AS amount_vnd FROM transfer"
            " WHERE school_id = $1 AND payment_id IS NOT NULL AND reverses_id IS NULL"
            " GROUP BY journal_id ORDER BY journal_id",
            world.school_id,
        )
        if nth >= len(rows):
            return 0
        try:
            await reverse_journal(db, world.school_id, rows[nth]["journal_id"], FAR, "nhầm")
        except DomainError as problem:
            if problem.code != "already_reversed":
                raise
            return 0
        return rows[nth]["amount_vnd"]


async def _check(engine: AsyncEngine, world: World, received_vnd: int) -> None:
    async with transaction(engine) as db:
        assert await disagreements(db, world.school_id) == []
        balance = await balances(db, world.school_id, FAR)
        accounts = await db.raw.fetch(
            "SELECT id, kind FROM ledger_account WHERE school_id = $1", world.school_id
        )
        transfers = await db.raw.fetch(
            "SELECT debit_account_id, credit_account_id, amount_vnd FROM transfer WHERE school_id = $1",
            world.school_id,
        )
        paid = await db.raw.fetch(
            "SELECT total_vnd, paid_vnd FROM invoice WHERE school_id = $1", world.school_id
        )
    by_hand = dict.fromkeys(balance, 0)
    for row in transfers:
        by_hand[row["debit_account_id"]] += row["amount_vnd"]
        by_hand[row["credit_account_id"]] -= row["amount_vnd"]
    assert balance == by_hand
    assert sum(balance.values()) == 0
    kinds: dict[str, int] = {}
    for row in accounts:
        kinds[row["kind"]] = kinds.get(row["kind"], 0) + balance[row["id"]]
    assert kinds["bank"] + kinds["clearing"] == received_vnd
    assert kinds["receivable"] == sum(row["total_vnd"] - row["paid_vnd"] for row in paid)
    settled_vnd = sum(row["paid_vnd"] for row in paid)
    assert settled_vnd - kinds["student_credit"] - kinds["suspense"] == received_vnd
    assert all(0 <= row["paid_vnd"] <= row["total_vnd"] for row in paid)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE transfer SET amount_vnd = amount_vnd + 1",
        "DELETE FROM transfer",
        "TRUNCATE transfer CASCADE",
        "UPDATE notice_conflict SET amount_vnd = 0",
        "DELETE FROM audit_entry",
    ],
)
async def test_the_database_refuses_to_change_the_books(engine: AsyncEngine, change: str) -> None:
    async with transaction(engine) as db:
        await make_world(db, [100_000])
    with pytest.raises(asyncpg.RestrictViolationError):
        async with transaction(engine) as db:
            await db.raw.execute(change)


@pytest.mark.parametrize("amount_vnd", [0, -1])
async def test_the_database_refuses_amounts_of_nothing(
    engine: AsyncEngine, amount_vnd: int
) -> None:
    async with transaction(engine) as db:
        await make_world(db, [100_000])
    with pytest.raises(asyncpg.CheckViolationError):
        async with transaction(engine) as db:
            await db.raw.execute(
                "INSERT INTO transfer (school_id, journal_id, kind, debit_account_id, credit_account_id,"
                " amount_vnd, business_date) SELECT school_id, 1, 'reversal', credit_account_id,"
                " debit_account_id, $1, business_date FROM transfer",
                amount_vnd,
            )
