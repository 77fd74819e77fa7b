"""Turning a channel on and off: the IPNs of a merchant account that is off are refused, and nobody is offered it.

Money that is on its way is not lost by it: open checkouts are still asked about, and what a provider
could not deliver is on the statement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from core.identity.audit import audit
from core.kit.database import Command, Driver, Query
from core.merchants.errors import (
    ChannelAlwaysOnError,
    ChannelOffAlreadyError,
    ChannelOnAlreadyError,
    ChannelReasonError,
    UnknownChannelError,
)
from core.merchants.service import STATEMENT

MAX_REASON: Final = 200


@dataclass(frozen=True, slots=True)
class ChannelStatus:
    """A merchant account's adapter, and whether it is on."""

    adapter: str
    enabled: bool


LOCK_STATUS = Query(
    ChannelStatus,
    "SELECT adapter, enabled FROM merchant_account WHERE school_id = $1 AND id = $2 FOR UPDATE",
)

SET_STATUS = Command("UPDATE merchant_account SET enabled = $3 WHERE school_id = $1 AND id = $2")


async def switch_channel(
    db: Driver,
    school_id: int,
    merchant_account_id: int,
    *,
    is_enabled: bool,
    actor: str,
    reason: str,
) -> None:
    """Switch a merchant account on or off, with an entry in the audit chain.

    The IPN endpoint follows within `core.merchants.directory.CACHE_S` seconds. Raises
    ChannelReasonError, UnknownChannelError, ChannelAlwaysOnError for the one that takes statements,
    ChannelOnAlreadyError or ChannelOffAlreadyError.
    """
    tidy = " ".join(reason.split())
    if not 1 <= len(tidy) <= MAX_REASON:
        raise ChannelReasonError(MAX_REASON)
    channel = await db.fetch_one(LOCK_STATUS, school_id, merchant_account_id)
    if channel is None:
        raise UnknownChannelError
    if channel.adapter == STATEMENT:
        raise ChannelAlwaysOnError
    if channel.enabled == is_enabled:
        raise ChannelOnAlreadyError if is_enabled else ChannelOffAlreadyError
    await db.execute(SET_STATUS, school_id, merchant_account_id, is_enabled)
    await audit(
        db,
        school_id,
        actor=actor,
        action="channel.enabled" if is_enabled else "channel.disabled",
        subject=f"merchant_account:{merchant_account_id}",
        detail={"adapter": channel.adapter, "reason": tidy},
    )
