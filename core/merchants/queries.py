"""A school's bank accounts, as screens list them."""

from __future__ import annotations

from dataclasses import dataclass

from core.kit.database import Driver, Query


@dataclass(frozen=True, slots=True, kw_only=True)
class BankAccountRow:
    """A bank account of the school. `name`: its label, or its holder where it has none."""

    id: int
    bin: str
    number: str
    holder: str
    name: str
    is_default: bool


BANK_ACCOUNTS = Query(
    BankAccountRow,
    """
SELECT id, bin, number, holder, coalesce(nullif(label, ''), holder) AS name, is_default
  FROM bank_account WHERE school_id = $1 ORDER BY id
""",
)


async def bank_accounts_of(db: Driver, school_id: int) -> list[BankAccountRow]:
    """All bank accounts of a school, the oldest first."""
    return await db.fetch(BANK_ACCOUNTS, school_id)
