"""A school's own accounts: read with the chart, changed by an approver, each change in the audit chain.

What was exported stays as it is, so an account can only change after the last exported day.
"""

from __future__ import annotations

import re
from datetime import date

from core.accounting.charts import Override, accounts_on, chart_for
from core.identity.audit import audit
from core.kit.database import Driver
from core.kit.errors import Problem, not_found

ACCOUNT = re.compile(r"[0-9]{3}[0-9A-Z.-]{0,12}")
"""Three digits of the circular, then what the school's own chart adds (1121, 131.HS, 5311-02)."""


async def overrides_of(db: Driver, school_id: int) -> tuple[Override, ...]:
    """All accounts that a school ever chose for itself, by purpose and date."""
    rows = await db.raw.fetch(
        "SELECT purpose, valid_from, account FROM account_override WHERE school_id = $1"
        " ORDER BY purpose, valid_from",
        school_id,
    )
    return tuple(Override(**dict(row)) for row in rows)


async def set_override(db: Driver, school_id: int, chosen: Override, *, actor: str) -> None:
    """Use an account for a purpose from a date on; the same date again replaces what was chosen for it.

    Raises Problem: 422 for an unknown purpose or a code that is none, 409 when vouchers of that day or
    later were exported or no chart covers it. The caller has seen that `actor` may approve.
    """
    # as an export does: neither sees the other half done
    regime = await db.raw.fetchval(
        "SELECT accounting_regime FROM school WHERE id = $1 FOR NO KEY UPDATE", school_id
    )
    if regime is None:
        raise not_found("trường này", "school")
    if chosen.purpose not in chart_for(regime, chosen.valid_from).accounts:
        raise Problem(
            "unknown_purpose",
            vi="Hãy chọn mục đích của tài khoản.",
            en="Choose what the account is for.",
            status=422,
        )
    if chosen.account is not None and not ACCOUNT.fullmatch(chosen.account):
        raise Problem(
            "bad_account",
            vi="Số hiệu tài khoản gồm 3 chữ số, sau đó là chữ số, chữ hoa, dấu chấm hoặc gạch nối (dài nhất 15).",
            en="An account is 3 digits, then digits, capitals, dots or hyphens (15 characters at most).",
            status=422,
        )
    await _refuse_exported(db, school_id, chosen.valid_from)
    before = accounts_on(regime, await overrides_of(db, school_id), chosen.valid_from)
    await db.raw.execute(
        """
        INSERT INTO account_override (school_id, purpose, valid_from, account, set_by)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (school_id, purpose, valid_from)
        DO UPDATE SET account = excluded.account, set_by = excluded.set_by, created_at = now()
        """,
        school_id,
        chosen.purpose,
        chosen.valid_from,
        chosen.account,
        actor,
    )
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


async def _refuse_exported(db: Driver, school_id: int, valid_from: date) -> None:
    last: date | None = await db.raw.fetchval(
        "SELECT max(t.business_date) FROM voucher v"
        " JOIN transfer t ON t.school_id = v.school_id AND t.id = v.transfer_id WHERE v.school_id = $1",
        school_id,
    )
    if last is not None and valid_from <= last:
        raise Problem(
            "already_exported",
            vi=f"Đã xuất chứng từ đến ngày {last:%d/%m/%Y}: tài khoản chỉ đổi được từ ngày sau đó.",
            en=f"Vouchers up to {last.isoformat()} were exported: an account can change after that day only.",
            status=409,
        )
