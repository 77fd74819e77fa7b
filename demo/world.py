"""The invented school, made through the same services as everybody's: people, accounts, fees, invoices.

Files come from `examples/`; secrets are drawn anew for each demo. It must never write to a database
that is not the demo's own.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from core.fees.concessions import accept_concessions
from core.fees.service import approve_schedule, draft_schedule
from core.identity.service import create_api_key, create_user
from core.invoices.service import Issued, issue
from core.kit.database import Driver, Query, transaction
from core.kit.seal import Keys
from core.merchants.service import add_bank_account, add_merchant_account
from core.portal.applications import accept_forms
from core.schools.service import create_school
from core.students.service import accept_roster
from demo.merchants import merchants_of
from demo.plan import DemoBill, DemoChannels
from sandbox.bank import MB_BIN, VIETCOMBANK_BIN, VIETINBANK_BIN, BankAccount
from sandbox.provider import Merchant

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SCHOOL_NAME = "Trường Tiểu học Hoa Sen"
HOLDER = "TRUONG TIEU HOC HOA SEN"
SCHOOL_YEAR = "2026-2027"
ACCOUNTANT, APPROVER = "ketoan", "hieutruong"
VA_PREFIX = "HSEN"

# Fourteen digits: no Vietnamese bank has such accounts, so a real app refuses the demo's QR codes.
BANK_ACCOUNTS = (
    BankAccount(
        bin=VIETCOMBANK_BIN, number="00002026000117", holder=HOLDER, opening_vnd=1_286_450_000
    ),
    BankAccount(bin=MB_BIN, number="00002026000225", holder=HOLDER, opening_vnd=92_318_400),
    BankAccount(
        bin=VIETINBANK_BIN,
        number="00002026000333",
        holder=HOLDER,
        opening_vnd=8_150_000,
        va_prefix=VA_PREFIX,
    ),
)
LABELS = ("Tài khoản chuyên thu", "Tài khoản thu hộ", "Tài khoản thu lệ phí hồ sơ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A person who may enter the console; the password is written to the demo's own file only."""

    username: str
    display_name: str
    role: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoMerchant:
    """A merchant account with all that a client needs to play its provider.

    is_direct: the money reaches the bank account at once, not with a payout later.
    """

    adapter: str
    account_key: str
    ipn_url: str
    bank_account: str
    is_direct: bool
    settings: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)

    def at_provider(self) -> Merchant:
        """The same account as its provider in the sandbox knows it."""
        return Merchant(
            provider=self.adapter,
            ipn_url=self.ipn_url,
            account_number=self.bank_account,
            settings=self.settings,
            secrets=self.secrets,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The school as it stands before the day. `bank_account_ids`: by account number."""

    school_id: int
    bank_account_ids: Mapping[str, int]
    merchants: tuple[DemoMerchant, ...]
    logins: tuple[Login, ...]
    api_key: str = field(repr=False)
    pupils: int
    applications: int
    invoices: int
    invoiced_vnd: int

    def merchant(self, adapter: str, bank_account: str) -> DemoMerchant:
        """The school's account with a provider for a bank account. Raises KeyError for none."""
        for merchant in self.merchants:
            if (merchant.adapter, merchant.bank_account) == (adapter, bank_account):
                return merchant
        raise KeyError((adapter, bank_account))

    def notified(self) -> dict[str, Merchant]:
        """Account number -> who is notified of a transfer to it."""
        return {
            number: self.merchant(notifiers[0], number).at_provider()
            for number, notifiers in self.channels().notifiers.items()
        }

    def channels(self) -> DemoChannels:
        """Who notifies transfers to which account."""
        main, other, third = (account.number for account in BANK_ACCOUNTS)
        return DemoChannels(
            notifiers={
                main: ("sepay", "casso"),
                other: ("vietqrvn", "mb"),
                third: ("vietinbank",),
            },
            va_prefixes={third: VA_PREFIX},
        )


async def make_world(engine: AsyncEngine, keys: Keys, base_url: str, issued_on: date) -> World:
    """A school of about 600 pupils with the month's invoices issued on the day `issued_on`.

    Raises DomainError when an example file does not fit the services any more.
    """
    logins = _draw_logins()
    async with transaction(engine) as db:
        school_id = await create_school(
            db,
            code="TH-HOASEN",
            name=SCHOOL_NAME,
            address="Số 1 đường Hoa Sen, phường Hoa Sen",
            province="Hà Nội",
            accounting_regime="TT24/2024",
        )
        bank_account_ids = {
            account.number: await add_bank_account(
                db,
                school_id,
                bin=account.bin,
                number=account.number,
                holder=account.holder,
                label=LABELS[position],
                is_default=position == 0,
            )
            for position, account in enumerate(BANK_ACCOUNTS)
        }
        merchants = await _add_merchants(db, keys, school_id, bank_account_ids, base_url)
        for login in logins:
            await create_user(
                db,
                school_id,
                username=login.username,
                display_name=login.display_name,
                password=login.password,
                role=login.role,
            )
        api_key = await create_api_key(db, school_id, "demo")
        roster = await accept_roster(
            db,
            keys,
            school_id,
            _example("roster.xlsx"),
            "roster.xlsx",
            SCHOOL_YEAR,
            actor=ACCOUNTANT,
        )
    async with transaction(engine) as db:
        issued = await _issue_month(db, keys, school_id, issued_on)
        applications = await _take_applications(db, keys, school_id, issued_on)
    return World(
        school_id=school_id,
        bank_account_ids=bank_account_ids,
        merchants=merchants,
        logins=logins,
        api_key=api_key,
        pupils=roster.created,
        applications=applications,
        invoices=issued.invoices,
        invoiced_vnd=issued.total_vnd,
    )


async def _issue_month(db: Driver, keys: Keys, school_id: int, issued_on: date) -> Issued:
    """The month's fees, less the concessions, approved and issued."""
    drafted = await draft_schedule(
        db, school_id, _example("fees.xlsx"), "fees.xlsx", actor=ACCOUNTANT
    )
    await accept_concessions(
        db, school_id, _example("concessions.xlsx"), "concessions.xlsx", actor=ACCOUNTANT
    )
    await approve_schedule(db, school_id, drafted.schedule_id, actor=APPROVER)
    return await issue(db, keys, school_id, drafted.schedule_id, on=issued_on, actor=ACCOUNTANT)


async def _take_applications(db: Driver, keys: Keys, school_id: int, issued_on: date) -> int:
    """A service that families apply for, and their applications; how many there are."""
    service = await draft_schedule(
        db, school_id, _example("service.xlsx"), "service.xlsx", actor=ACCOUNTANT
    )
    await approve_schedule(db, school_id, service.schedule_id, actor=APPROVER)
    submitted = await accept_forms(
        db,
        keys,
        school_id,
        service.schedule_id,
        _example("applications.xlsx"),
        "applications.xlsx",
        on=issued_on,
        actor=ACCOUNTANT,
    )
    return len(submitted.created)


OPEN_BILLS = Query(
    DemoBill,
    """
    SELECT p.code, i.reference, i.token, i.total_vnd, b.number AS account_number
      FROM invoice i
      JOIN bank_account b ON b.school_id = i.school_id AND b.id = i.bank_account_id
      JOIN fee_schedule f ON f.school_id = i.school_id AND f.id = i.fee_schedule_id
      JOIN student p ON p.school_id = i.school_id AND p.id = i.student_id
     WHERE i.school_id = $1 AND f.kind = $2 AND i.paid_vnd = 0 AND i.cancelled_at IS NULL
     ORDER BY i.id
    """,
)


async def open_bills(db: Driver, school_id: int) -> tuple[list[DemoBill], list[DemoBill]]:
    """The invoices that wait for money, as their parents' pages show them: the roster's, applicants'."""
    return (
        await db.fetch(OPEN_BILLS, school_id, "roster"),
        await db.fetch(OPEN_BILLS, school_id, "application"),
    )


def _example(name: str) -> bytes:
    return (EXAMPLES / name).read_bytes()


def _draw_logins() -> tuple[Login, ...]:
    return (
        Login(
            username=ACCOUNTANT,
            display_name="Kế toán Lan",
            role="accountant",
            password=secrets.token_urlsafe(9),
        ),
        Login(
            username=APPROVER,
            display_name="Hiệu trưởng Minh",
            role="approver",
            password=secrets.token_urlsafe(9),
        ),
    )


async def _add_merchants(
    db: Driver, keys: Keys, school_id: int, bank_account_ids: Mapping[str, int], base_url: str
) -> tuple[DemoMerchant, ...]:
    numbers = tuple(account.number for account in BANK_ACCOUNTS)
    wanted = merchants_of(base_url, numbers, VA_PREFIX)
    made: list[DemoMerchant] = []
    for one in wanted:
        created = await add_merchant_account(
            db,
            keys,
            school_id,
            adapter=one.adapter,
            bank_account_id=bank_account_ids[one.bank_account],
            settlement=one.settlement,
            secrets=one.secrets,
            settings=one.settings,
        )
        made.append(
            DemoMerchant(
                adapter=one.adapter,
                account_key=created.account_key,
                ipn_url=f"{base_url}/ipn/{one.adapter}/{created.account_key}",
                bank_account=one.bank_account,
                is_direct=one.settlement == "direct",
                settings=one.settings,
                secrets=one.secrets,
            )
        )
    return tuple(made)
