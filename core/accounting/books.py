"""The books of a period as an auditor reads them: trial balance and detail ledger.

Read from the ledger at the moment of asking, never stored: opening + debits - credits = closing for
every account, and both sides of the trial balance add up to the same. Amounts in VND.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import TypeAlias

from core.accounting.charts import accounts_during, chart_for
from core.accounting.errors import BadPeriodError, PeriodTooLongError, UnknownAccountError
from core.accounting.export import UNCONFIRMED
from core.accounting.overrides import overrides_of
from core.accounting.vouchers import describe
from core.kit.database import Driver, Query
from core.schools.errors import SchoolNotFoundError

MAX_LINES = 200_000
"""Lines of a detail ledger at most: what a spreadsheet still opens; longer periods are asked for in parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turnover:
    """An account in a period. What pupils owe and what they have left over are not netted (131)."""

    account: str
    name: str
    opening_debit_vnd: int
    opening_credit_vnd: int
    debit_vnd: int
    credit_vnd: int
    closing_debit_vnd: int
    closing_credit_vnd: int

    @property
    def opening_vnd(self) -> int:
        """Debit above credit before the period."""
        return self.opening_debit_vnd - self.opening_credit_vnd

    @property
    def closing_vnd(self) -> int:
        """Debit above credit after the period."""
        return self.closing_debit_vnd - self.closing_credit_vnd


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialBalance:
    """All accounts by code; `unconfirmed_vnd` was booked in the period but is in no voucher yet."""

    school_name: str
    chart_title: str
    since: date
    until: date
    turnovers: tuple[Turnover, ...]
    unconfirmed_vnd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEntry:
    """One side of a transfer in an account. `vouchers`: the numbers it was exported under."""

    on: date
    journal_id: int
    vouchers: str
    description: str
    against: str
    object_code: str
    object_name: str
    reference: str
    debit_vnd: int
    credit_vnd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailLedger:
    """All entries of an account in a period, in the order they were booked."""

    school_name: str
    chart_title: str
    account: str
    name: str
    since: date
    until: date
    opening_vnd: int
    entries: tuple[AccountEntry, ...]

    @property
    def debit_vnd(self) -> int:
        """The sum of the debits in the period."""
        return sum(entry.debit_vnd for entry in self.entries)

    @property
    def credit_vnd(self) -> int:
        """The sum of the credits in the period."""
        return sum(entry.credit_vnd for entry in self.entries)

    @property
    def closing_vnd(self) -> int:
        """Debit above credit after the period."""
        return self.opening_vnd + self.debit_vnd - self.credit_vnd


Book: TypeAlias = TrialBalance | DetailLedger


@dataclass(frozen=True, slots=True)
class _Balance:
    """A ledger account before and in the period; `opening_vnd`: debit above credit."""

    kind: str
    opening_vnd: int
    debit_vnd: int
    credit_vnd: int


@dataclass(frozen=True, slots=True)
class _BookSchool:
    name: str
    accounting_regime: str


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of a transfer as stored, VND."""

    business_date: date
    journal_id: int
    kind: str
    memo: str
    other_kind: str
    student_code: str
    student_name: str
    reference: str
    fee_item: str
    vouchers: str
    debit_vnd: int
    credit_vnd: int


SCHOOL = Query(_BookSchool, "SELECT name, accounting_regime FROM school WHERE id = $1")

BALANCES = Query(
    _Balance,
    """
WITH side AS (
  SELECT debit_account_id AS account_id, business_date, amount_vnd AS debit_vnd, 0::bigint AS credit_vnd
    FROM transfer WHERE school_id = $1 AND business_date <= $3
  UNION ALL
  SELECT credit_account_id, business_date, 0, amount_vnd
    FROM transfer WHERE school_id = $1 AND business_date <= $3
)
SELECT a.kind,
       coalesce(sum(s.debit_vnd - s.credit_vnd) FILTER (WHERE s.business_date < $2), 0)::bigint AS opening_vnd,
       coalesce(sum(s.debit_vnd) FILTER (WHERE s.business_date >= $2), 0)::bigint AS debit_vnd,
       coalesce(sum(s.credit_vnd) FILTER (WHERE s.business_date >= $2), 0)::bigint AS credit_vnd
  FROM side s JOIN ledger_account a ON a.school_id = $1 AND a.id = s.account_id
 GROUP BY a.kind, a.id ORDER BY a.kind, a.id
""",
)

UNCONFIRMED_SUM = Query(
    int,
    f"""
SELECT coalesce(sum(t.amount_vnd), 0)::bigint AS amount_vnd FROM transfer t
 WHERE t.school_id = $1 AND t.business_date BETWEEN $2 AND $3 AND {UNCONFIRMED}
""",  # noqa: S608 - composed of constants of the tree
)

ENTRIES = Query(
    _Side,
    """
WITH own AS (
  SELECT id FROM ledger_account WHERE school_id = $1 AND kind = ANY($4::text[])
), exported AS (
  -- once for all transfers: no index of vouchers begins with the transfer
  SELECT transfer_id, string_agg(voucher_no, ', ' ORDER BY voucher_no) AS numbers
    FROM voucher WHERE school_id = $1 GROUP BY transfer_id
), side AS (
  SELECT id, debit_account_id AS account_id, credit_account_id AS other_id, amount_vnd AS debit_vnd,
         0::bigint AS credit_vnd
    FROM transfer WHERE school_id = $1 AND business_date BETWEEN $2 AND $3
  UNION ALL
  SELECT id, credit_account_id, debit_account_id, 0, amount_vnd
    FROM transfer WHERE school_id = $1 AND business_date BETWEEN $2 AND $3
)
SELECT t.business_date, t.journal_id, t.kind, t.memo, o.kind AS other_kind,
       coalesce(p.code, '') AS student_code, coalesce(p.full_name, '') AS student_name,
       coalesce(i.reference, '') AS reference, coalesce(f.name, '') AS fee_item,
       coalesce(v.numbers, '') AS vouchers,
       s.debit_vnd, s.credit_vnd
  FROM side s
  JOIN own ON own.id = s.account_id
  JOIN transfer t ON t.school_id = $1 AND t.id = s.id
  JOIN ledger_account a ON a.school_id = $1 AND a.id = s.account_id
  JOIN ledger_account o ON o.school_id = $1 AND o.id = s.other_id
  LEFT JOIN exported v ON v.transfer_id = t.id
  LEFT JOIN student p ON p.school_id = $1 AND p.id = t.student_id
  LEFT JOIN invoice i ON i.school_id = $1 AND i.id = t.invoice_id
  LEFT JOIN fee_item f ON f.school_id = $1 AND f.id = coalesce(a.fee_item_id, o.fee_item_id)
 ORDER BY t.business_date, t.journal_id, t.id, s.debit_vnd DESC LIMIT $5
""",
)


async def trial_balance(db: Driver, school_id: int, since: date, until: date) -> TrialBalance:
    """The trial balance of a period, both days included, in the accounts of that time.

    Raises BadPeriodError for a period that ends before it begins, AccountsChangeError for one in which the
    accounts change, SchoolNotFoundError, NoChartError when no chart covers it.
    """
    school = await _school(db, school_id, since, until)
    balances = await db.fetch(BALANCES, school_id, since, until)
    accounts = await _accounts(db, school_id, school, since, until, balances)
    chart = chart_for(school.accounting_regime, since)
    by_account = sorted(balances, key=lambda balance: accounts[balance.kind])
    unconfirmed_vnd = await db.fetch_only(UNCONFIRMED_SUM, school_id, since, until)
    return TrialBalance(
        school_name=school.name,
        chart_title=chart.title,
        since=since,
        until=until,
        turnovers=tuple(
            _turnover(account, chart.name_of(account), list(of_account))
            for account, of_account in groupby(by_account, key=lambda one: accounts[one.kind])
        ),
        unconfirmed_vnd=unconfirmed_vnd,
    )


async def detail_ledger(
    db: Driver, school_id: int, account: str, since: date, until: date
) -> DetailLedger:
    """Every entry of an account of the chart in a period, both days included.

    Raises UnknownAccountError when the books have no such account then, PeriodTooLongError for more than
    MAX_LINES, and as `trial_balance` does.
    """
    school = await _school(db, school_id, since, until)
    balances = await db.fetch(BALANCES, school_id, since, until)
    accounts = await _accounts(db, school_id, school, since, until, balances)
    kinds = [kind for kind, code in accounts.items() if code == account]
    if not kinds:
        raise UnknownAccountError
    sides = await db.fetch(ENTRIES, school_id, since, until, kinds, MAX_LINES + 1)
    if len(sides) > MAX_LINES:
        raise PeriodTooLongError(max_lines=MAX_LINES)
    chart = chart_for(school.accounting_regime, since)
    return DetailLedger(
        school_name=school.name,
        chart_title=chart.title,
        account=account,
        name=chart.name_of(account),
        since=since,
        until=until,
        opening_vnd=sum(balance.opening_vnd for balance in balances if balance.kind in kinds),
        entries=tuple(_entry(side, accounts) for side in sides),
    )


def _turnover(account: str, name: str, balances: Sequence[_Balance]) -> Turnover:
    opening = [balance.opening_vnd for balance in balances]
    closing = [one.opening_vnd + one.debit_vnd - one.credit_vnd for one in balances]
    return Turnover(
        account=account,
        name=name,
        opening_debit_vnd=sum(vnd for vnd in opening if vnd > 0),
        opening_credit_vnd=-sum(vnd for vnd in opening if vnd < 0),
        debit_vnd=sum(balance.debit_vnd for balance in balances),
        credit_vnd=sum(balance.credit_vnd for balance in balances),
        closing_debit_vnd=sum(vnd for vnd in closing if vnd > 0),
        closing_credit_vnd=-sum(vnd for vnd in closing if vnd < 0),
    )


def _entry(side: _Side, accounts: Mapping[str, str]) -> AccountEntry:
    return AccountEntry(
        on=side.business_date,
        journal_id=side.journal_id,
        vouchers=side.vouchers,
        description=describe(
            side.kind, item=side.fee_item, reference=side.reference, memo=side.memo
        ),
        against=accounts[side.other_kind],
        object_code=side.student_code,
        object_name=side.student_name,
        reference=side.reference,
        debit_vnd=side.debit_vnd,
        credit_vnd=side.credit_vnd,
    )


async def _school(db: Driver, school_id: int, since: date, until: date) -> _BookSchool:
    if until < since:
        raise BadPeriodError
    school = await db.fetch_one(SCHOOL, school_id)
    if school is None:
        raise SchoolNotFoundError
    return school


async def _accounts(
    db: Driver,
    school_id: int,
    school: _BookSchool,
    since: date,
    until: date,
    balances: Sequence[_Balance],
) -> Mapping[str, str]:
    return accounts_during(
        school.accounting_regime,
        await overrides_of(db, school_id),
        since,
        until,
        {balance.kind for balance in balances},
    )
