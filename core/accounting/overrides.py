"""A school's own accounts: read with the chart, changed by an approver, each change in the audit chain.

What was exported stays as it is, so an account can only change after the last exported day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime

from core.accounting.charts import Override, accounts_on, chart_for
from core.accounting.errors import AlreadyExportedError, BadAccountError, UnknownPurposeError
from core.identity.audit import audit
from core.kit.database import Command, Driver, Query
from core.schools.errors import SchoolNotFoundError

ACCOUNT = re.compile(r"[0-9]{3}[0-9A-Z.-]{0,12}")
"""Three digits of the circular, then what the school's own chart adds (1121, 131.HS, 5311-02)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenAccount:
    """An `Override` with whoever chose it last, and when."""

    purpose: str
    valid_from: date
    account: str | None
    set_by: str
    created_at: datetime


OVERRIDES = Query(
    Override,
    """
SELECT purpose, valid_from, account FROM account_override WHERE school_id = $1
 ORDER BY purpose, valid_from
""",
)

CHOSEN_ACCOUNTS = Query(
    ChosenAccount,
    """
SELECT purpose, valid_from, account, set_by, created_at FROM account_override
 WHERE school_id = $1 ORDER BY valid_from DESC, purpose
""",
)

# as an export does: neither sees the other half done
LOCK_REGIME = Query(str, "SELECT accounting_regime FROM school WHERE id = $1 FOR NO KEY UPDATE")

# a choice is dated by its last change
CHOOSE = Command("""
INSERT INTO account_override (school_id, purpose, valid_from, account, set_by)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (school_id, purpose, valid_from)
DO UPDATE SET account = excluded.account, set_by = excluded.set_by, created_at = excluded.created_at
""")

LAST_EXPORTED = Query(
    date,
    """
SELECT max(t.business_date) AS last FROM voucher v
  JOIN transfer t ON t.school_id = v.school_id AND t.id = v.transfer_id WHERE v.school_id = $1
""",
)


async def overrides_of(db: Driver, school_id: int) -> tuple[Override, ...]:
    """All accounts that a school ever chose for itself, by purpose and date."""
    return tuple(await db.fetch(OVERRIDES, school_id))


async def chosen_accounts(db: Driver, school_id: int) -> list[ChosenAccount]:
    """All accounts that a school ever chose for itself and who chose them, the newest day first."""
    return await db.fetch(CHOSEN_ACCOUNTS, school_id)


async def set_override(db: Driver, school_id: int, chosen: Override, *, actor: str) -> None:
    """Use an account for a purpose from a date on; the same date again replaces what was chosen for it.

    Raises SchoolNotFoundError, NoChartError, UnknownPurposeError, BadAccountError for a code that is
    none, AlreadyExportedError when vouchers of that day or later were exported. The caller has seen that
    `actor` may approve.
    """
    regime = await db.fetch_value(LOCK_REGIME, school_id)
    if regime is None:
        raise SchoolNotFoundError
    if chosen.purpose not in chart_for(regime, chosen.valid_from).accounts:
        raise UnknownPurposeError
    if chosen.account is not None and not ACCOUNT.fullmatch(chosen.account):
        raise BadAccountError
    last = await db.fetch_value(LAST_EXPORTED, school_id)
    if last is not None and chosen.valid_from <= last:
        raise AlreadyExportedError(last=last)
    before = accounts_on(regime, await overrides_of(db, school_id), chosen.valid_from)
    await db.execute(CHOOSE, school_id, chosen.purpose, chosen.valid_from, chosen.account, actor)
    after = accounts_on(regime, await overrides_of(db, school_id), chosen.valid_from)
    await audit(
        db,
        school_id,
        actor=actor,
        action="account.chosen",
        subject=f"account_override:{chosen.purpose}",
        detail={
            "valid_from": chosen.valid_from.isoformat(),
            "before": before[chosen.purpose],
            "after": after[chosen.purpose],
        },
    )
