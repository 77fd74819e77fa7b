"""How much of the money came without cash: by school and month, and by province for the sector. Reads only.

What counts as collected and as cash is defined in `core.ledger.collected`. Sums and counts only:
nothing here leads to a pupil, a payer or a payment. Amounts are VND, months are calendar months of
business dates in Asia/Ho_Chi_Minh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from core.kit.database import Driver, Query
from core.ledger.collected import CASH_CHANNEL, moved


@dataclass(frozen=True, slots=True, kw_only=True)
class Cashless:
    """All money and the cashless part of it. Counts are payments of which anything is left."""

    total_vnd: int = 0
    total_count: int = 0
    cashless_vnd: int = 0
    cashless_count: int = 0

    @property
    def amount_permille(self) -> int | None:
        """Cashless of all money in thousandths, rounded down; None where nothing was collected."""
        return self.cashless_vnd * 1000 // self.total_vnd if self.total_vnd > 0 else None

    @property
    def count_permille(self) -> int | None:
        """Cashless of all payments in thousandths, rounded down; None where there was none."""
        return self.cashless_count * 1000 // self.total_count if self.total_count else None


@dataclass(frozen=True, slots=True)
class MonthCashless:
    """One month of a school; `month` is its first day."""

    month: date
    figures: Cashless


@dataclass(frozen=True, slots=True, kw_only=True)
class SchoolCashless:
    """One school in one month."""

    code: str
    name: str
    province: str
    figures: Cashless


@dataclass(frozen=True, slots=True)
class ProvinceCashless:
    """The schools of one province in one month; `province` is "" where schools gave none."""

    province: str
    school_count: int
    figures: Cashless


# a payment counts in a month when more of it came than went back in that month
_FIGURES = f"""
, by_payment AS (
  SELECT school_id, date_trunc('month', business_date)::date AS month, payment_id,
         sum(received_vnd) - sum(returned_vnd) AS left_vnd
    FROM moved GROUP BY 1, 2, 3
), by_month AS (
  SELECT b.school_id, b.month, sum(left_vnd)::bigint AS total_vnd,
         count(*) FILTER (WHERE left_vnd > 0) AS total_count,
         coalesce(sum(left_vnd) FILTER (WHERE NOT is_cash), 0)::bigint AS cashless_vnd,
         count(*) FILTER (WHERE left_vnd > 0 AND NOT is_cash) AS cashless_count
    FROM by_payment b
    LEFT JOIN payment p ON p.school_id = b.school_id AND p.id = b.payment_id
   CROSS JOIN LATERAL (SELECT coalesce(p.channel = '{CASH_CHANNEL}', false) AS is_cash) k
   GROUP BY 1, 2
)"""  # noqa: S608 - composed of constants of the tree


@dataclass(frozen=True, slots=True)
class _MonthRow:
    month: date
    total_vnd: int
    total_count: int
    cashless_vnd: int
    cashless_count: int


@dataclass(frozen=True, slots=True)
class _SchoolRow:
    code: str
    name: str
    province: str
    total_vnd: int
    total_count: int
    cashless_vnd: int
    cashless_count: int


CASHLESS_OF_SCHOOL = Query(
    _MonthRow,
    f"""
WITH moved AS ({moved(of_one_school=True)}){_FIGURES}
SELECT month, total_vnd, total_count, cashless_vnd, cashless_count FROM by_month ORDER BY month
""",  # noqa: S608 - composed of constants of the tree
)
CASHLESS_OF_ALL = Query(
    _SchoolRow,
    f"""
WITH moved AS ({moved(of_one_school=False)}){_FIGURES}
SELECT s.code, s.name, s.province, coalesce(total_vnd, 0) AS total_vnd,
       coalesce(total_count, 0) AS total_count, coalesce(cashless_vnd, 0) AS cashless_vnd,
       coalesce(cashless_count, 0) AS cashless_count
  FROM school s LEFT JOIN by_month ON by_month.school_id = s.id
 ORDER BY s.province, s.code
""",  # noqa: S608 - composed of constants of the tree
)
_NAMES = ("total_vnd", "total_count", "cashless_vnd", "cashless_count")


async def cashless_by_month(
    db: Driver, school_id: int, until: date, months: int = 12
) -> list[MonthCashless]:
    """The `months` months up to and including the one of `until`, the oldest first, empty ones too."""
    first = date(until.year, until.month, 1)
    wanted = [first]
    while len(wanted) < months:
        wanted.append((wanted[-1] - timedelta(days=1)).replace(day=1))
    rows = await db.fetch(CASHLESS_OF_SCHOOL, wanted[-1], last_day_of(first), school_id)
    found = {row.month: _figures(row) for row in rows}
    return [MonthCashless(month, found.get(month, Cashless())) for month in reversed(wanted)]


async def cashless_of_all_schools(db: Driver, month: date) -> list[SchoolCashless]:
    """Every school of the database in the month of `month`, by province and code."""
    first = month.replace(day=1)
    rows = await db.fetch(CASHLESS_OF_ALL, first, last_day_of(first))
    return [
        SchoolCashless(code=row.code, name=row.name, province=row.province, figures=_figures(row))
        for row in rows
    ]


def _figures(row: _MonthRow | _SchoolRow) -> Cashless:
    return Cashless(**{name: getattr(row, name) for name in _NAMES})


def by_province(schools: Sequence[SchoolCashless]) -> list[ProvinceCashless]:
    """The same schools, province by province, in alphabetical order."""
    provinces = sorted({one.province for one in schools})
    grouped = {name: [one for one in schools if one.province == name] for name in provinces}
    return [
        ProvinceCashless(name, len(members), added([one.figures for one in members]))
        for name, members in grouped.items()
    ]


def added(figures: Sequence[Cashless]) -> Cashless:
    """The sum of figures."""
    return Cashless(**{name: sum(getattr(one, name) for one in figures) for name in _NAMES})


def last_day_of(month: date) -> date:
    """The last day of the month in which `month` lies."""
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
