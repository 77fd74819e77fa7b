"""Turning a channel on and off: a merchant account that is off is refused at the door and offered to nobody.

Money that is on its way is not lost by it: open checkouts are still asked about, and what a provider
could not deliver stands on the statement.
"""

from __future__ import annotations

from typing import Final

from core.identity.audit import audit
from core.kit.database import Driver
from core.kit.errors import Problem, not_found
from core.merchants.service import STATEMENT

MAX_REASON: Final = 200


async def switch_channel(
    db: Driver,
    school_id: int,
    merchant_account_id: int,
    *,
    is_enabled: bool,
    actor: str,
    reason: str,
) -> None:
    """Turn a merchant account on or off, with an entry in the audit chain.

    The IPN door follows within `core.merchants.directory.CACHE_S` seconds. Raises Problem: 404 for
    another school's, 409 for one that stands so already or takes statements, 422 without a reason.
    """
    said = " ".join(reason.split())
    if not 1 <= len(said) <= MAX_REASON:
        raise Problem(
            "reason_needed",
            vi=f"Hãy ghi lý do, tối đa {MAX_REASON} ký tự.",
            en=f"Give a reason of at most {MAX_REASON} characters.",
            status=422,
        )
    row = await db.raw.fetchrow(
        "SELECT adapter, enabled FROM merchant_account WHERE school_id = $1 AND id = $2 FOR UPDATE",
        school_id,
        merchant_account_id,
    )
    if row is None:
        raise not_found("kênh thu này", "channel")
    if row["adapter"] == STATEMENT:
        raise Problem(
            "always_on",
            vi="Kênh sao kê luôn bật: đối soát cần nó.",
            en="Statements are always taken: reconciliation needs them.",
            status=409,
        )
    if row["enabled"] == is_enabled:
        raise Problem(
            "stands_so_already",
            vi="Kênh thu đang bật sẵn." if is_enabled else "Kênh thu đã tắt từ trước.",
            en="The channel is on already." if is_enabled else "The channel is off already.",
            status=409,
        )
    await db.raw.execute(
        "UPDATE merchant_account SET enabled = $3 WHERE school_id = $1 AND id = $2",
        school_id,
        merchant_account_id,
        is_enabled,
    )
    await audit(
        db,
        school_id,
        actor=actor,
        action="channel.enabled" if is_enabled else "channel.disabled",
        subject=f"merchant_account:{merchant_account_id}",
        detail={"adapter": row["adapter"], "reason": said},
    )
