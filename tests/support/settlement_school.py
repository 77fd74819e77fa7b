"""A school whose providers settle in batches, for tests: IPNs as the sandbox sends them, files, bank lines, reconciliations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from types import ModuleType

from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import DAY, World, make_world, merchant_in
from support.review_school import merchant_of, notice_of, notified
from support.statement_files import Entry, mb_csv

from adapters.contract import Verdict
from adapters.providers import momo, payos, vnpay, zalopay
from core.kit.database import transaction
from core.ledger.queries import balances, disagreements
from core.payments.ingest.group_commit import commit_notices
from core.payments.ingest.inbound import InboundNotice
from reconciliation.jobs.reconcile_day import reconcile
from reconciliation.proof.day import DayResult
from reconciliation.proof.proof import Proof
from reconciliation.settlements.files import ImportedSettlement, import_settlement
from reconciliation.statements.imports import import_statement
from sandbox import momo as sandbox_momo
from sandbox import payos as sandbox_payos
from sandbox import vnpay as sandbox_vnpay
from sandbox import zalopay as sandbox_zalopay
from sandbox.provider import Movement
from sandbox.settlements import (
    Payout,
    Terms,
    momo_xlsx,
    neutral_csv,
    payout_vnd,
    vnpay_xlsx,
)

OPENING_VND = 5_000_000
TERMS = Terms(fee_basis_points=110)
NEXT = DAY + timedelta(1)
CASES: dict[str, tuple[ModuleType, ModuleType]] = {
    "vnpay": (vnpay, sandbox_vnpay),
    "momo": (momo, sandbox_momo),
    "zalopay": (zalopay, sandbox_zalopay),
    "payos": (payos, sandbox_payos),
}
WRITERS: dict[str, Callable[..., bytes]] = {
    "neutral": neutral_csv,
    "vnpay": vnpay_xlsx,
    "momo": momo_xlsx,
}


@dataclass
class SettlementSchool:
    """One school and one provider of it that settles in batches."""

    engine: AsyncEngine
    world: World
    provider: str

    @property
    def school_id(self) -> int:
        return self.world.school_id

    @property
    def merchant_id(self) -> int:
        return self.world.merchants[self.provider][0]

    def movement(self, index: int, amount_vnd: int | None = None, day: date = DAY) -> Movement:
        """What a payer pays of invoice `index` at nine in the morning of `day`."""
        invoice = self.world.invoices[index]
        reference = f"{invoice.reference}00"
        if self.provider == "payos":
            reference = self.world.numbers[invoice.reference]
        return Movement(
            sequence=self.school_id * 1000 + index + 1,
            amount_vnd=amount_vnd or invoice.total_vnd,
            at=datetime(day.year, day.month, day.day, 2, tzinfo=UTC),
            merchant_reference=reference,
            bank_transaction_id=f"FT26PO{index + 1:08d}",
            account_number="" if self.provider == "payos" else self.world.bank_number,
        )

    async def notify(self, movement: Movement) -> Verdict:
        """The provider's IPN, read by its adapter."""
        adapter, notifier = CASES[self.provider]
        notice = notice_of(adapter, notified(notifier, movement), received_at=movement.at)
        async with transaction(self.engine) as db:
            merchant = await merchant_in(db, self.world, self.provider)
        # a bank account that the sandbox's provider was never told of
        notice = replace(notice, payee_account="")
        recorded = await commit_notices(self.engine, [InboundNotice(merchant, notice, b"raw")])
        return recorded.verdicts[0]

    def file(self, *payouts: Payout, writer: str = "neutral", terms: Terms = TERMS) -> bytes:
        """The provider's settlement file."""
        return WRITERS[writer](payouts, terms, merchant_of(self.provider))

    async def bring_file(self, data: bytes, name: str = "doi-soat.csv") -> ImportedSettlement:
        async with transaction(self.engine) as db:
            return await import_settlement(
                db, self.school_id, self.merchant_id, data, name, actor="an"
            )

    async def bring_lines(self, entries: Sequence[Entry]) -> None:
        """The bank's statement."""
        data = mb_csv(self.world.bank_number, OPENING_VND, entries)
        async with transaction(self.engine) as db:
            await import_statement(
                db, self.school_id, self.world.bank_account_id, data, "mb.csv", actor="an"
            )

    async def reconcile(self, day: date = NEXT) -> DayResult:
        """A reconciliation, after which the books agree and every clearing account is itemised to the đồng."""
        result = await reconcile(self.engine, self.school_id, day)
        assert [p.difference_vnd for p in result.proofs if ":" in p.account] == [0] * sum(
            ":" in p.account for p in result.proofs
        )
        async with transaction(self.engine) as db:
            assert await disagreements(db, self.school_id) == []
            assert sum((await balances(db, self.school_id, day)).values()) == 0
        return result

    def clearing(self, result: DayResult) -> Proof:
        name = f"{self.provider}:{self.world.bank_number}"
        (proof,) = [proof for proof in result.proofs if proof.account == name]
        return proof

    def bank(self, result: DayResult) -> Proof:
        (proof,) = [p for p in result.proofs if p.account == self.world.bank_number]
        return proof

    async def exceptions(self) -> list[tuple[str, int, str | None]]:
        async with transaction(self.engine) as db:
            rows = await db.raw.fetch(
                "SELECT reason, amount_vnd, resolution FROM exception WHERE school_id = $1"
                " ORDER BY reason, amount_vnd, id",
                self.school_id,
            )
        return [tuple(row) for row in rows]

    async def balance_of(self, kind: str) -> int:
        """Debit less credit of the accounts of a kind, VND."""
        async with transaction(self.engine) as db:
            found = await balances(db, self.school_id, date.max)
            rows = await db.raw.fetch(
                "SELECT id FROM ledger_account WHERE school_id = $1 AND kind = $2",
                self.school_id,
                kind,
            )
        return sum(found[row["id"]] for row in rows)

    async def count(self, table: str) -> int:
        async with transaction(self.engine) as db:
            number: int = await db.raw.fetchval(
                f"SELECT count(*) FROM {table} WHERE school_id = $1", self.school_id
            )
        return number

    async def set_terms(self, basis_points: int = 110, **more: int) -> None:
        fields = {"fixed_vnd": 0, "vat_percent": 10, "settled_within_days": 2, "tolerance_vnd": 0}
        fields |= more
        async with transaction(self.engine) as db:
            await db.raw.execute(
                "INSERT INTO settlement_terms (school_id, merchant_account_id, valid_from, fee_basis_points,"
                " fixed_vnd, vat_percent, settled_within_days, tolerance_vnd, set_by)"
                " VALUES ($1, $2, '2026-01-01', $3, $4, $5, $6, $7, 'an')",
                self.school_id, self.merchant_id, basis_points, fields["fixed_vnd"],
                fields["vat_percent"], fields["settled_within_days"], fields["tolerance_vnd"],
            )  # fmt: skip


async def settlement_school(
    engine: AsyncEngine, totals_vnd: list[int], provider: str = "momo"
) -> SettlementSchool:
    """A school whose account with `provider` settles in batches."""
    async with transaction(engine) as db:
        world = await make_world(db, totals_vnd)
        await db.raw.execute(
            "UPDATE merchant_account SET settlement = 'batch' WHERE school_id = $1 AND adapter = $2",
            world.school_id,
            provider,
        )
    return SettlementSchool(engine, world, provider)


def payout_line(payout: Payout, text: str, *, terms: Terms = TERMS, day: date = NEXT) -> Entry:
    """The bank line that pays a payout out."""
    return Entry(day, payout_vnd(payout, terms), text)
