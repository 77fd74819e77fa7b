"""Kênh thu: how each channel of the school is doing, what its provider must be given, and its switch.

Status words of a provider that its protocol does not define stand here too: such a message counts as
pending, and only the provider can explain it. Credentials are never shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from litestar import get, post
from litestar.params import URLEncodedBody
from litestar.response import Redirect

from adapters import CREATE, IPN, REDIRECT
from adapters.banks import bank
from core.identity.service import Role
from core.kit.clock import business_date, now_utc
from core.kit.database import Driver
from core.merchants.channel_status import MAX_REASON, switch_channel
from core.merchants.directory import CACHE_S
from core.merchants.service import STATEMENT
from core.statistics.channels import (
    channels_of,
    find_channel,
    last_notices,
    overdue_before,
    switched_off,
    unmapped_statuses,
)
from gateway.console.errors import BadSwitchError, ChannelSwitchError
from gateway.console.frame.actions import action, in_transaction
from gateway.console.frame.forms import typed
from gateway.console.frame.screen import Page, RowId, goto, screen
from gateway.console.frame.session import ConsoleRequest, only
from gateway.console.setup.callback_urls import callback_urls_of

LIST: Final = "/console/channels"


@dataclass(frozen=True, slots=True)
class SwitchForm:
    """On or off, and why."""

    to: str = ""
    reason: str = ""

    def is_on(self) -> bool:
        """Whether the channel is to be on. Raises BadSwitchError for anything but "on" and "off"."""
        if self.to not in {"on", "off"}:
            raise BadSwitchError
        return self.to == "on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting of an adapter: its value, "" where its default holds, and the adapter's words."""

    name: str
    value: str
    explanation: str


@get("/channels", operation_id="console_channels")
@in_transaction
async def show_channels(request: ConsoleRequest, db: Driver) -> Page:
    """Every channel with its figures, and the status words that no protocol defines."""
    today = business_date(now_utc())
    return screen(
        request,
        "channels.html",
        active="channels",
        channels=await channels_of(db, request.school_id, today),
        unmapped=await unmapped_statuses(db, request.school_id),
        overdue_before=overdue_before(today),
        bank_of=bank_name,
    )


@get("/channels/{channel_id:int}", operation_id="console_channel")
@in_transaction
async def show_channel(request: ConsoleRequest, db: Driver, channel_id: RowId) -> Page:
    """One channel: its addresses, its settings, its last messages, its switch."""
    school_id, today = request.school_id, business_date(now_utc())
    channel = await find_channel(db, school_id, channel_id, today)
    unmapped = await unmapped_statuses(db, school_id) if channel.unmapped_count else []
    base_url = request.context.settings.base_url
    return screen(
        request,
        "channel.html",
        active="channels",
        channel=channel,
        notices=await last_notices(db, school_id, channel_id),
        unmapped=[one for one in unmapped if one.channel_id == channel_id],
        off=None if channel.is_enabled else await switched_off(db, school_id, channel_id),
        callback_urls=callback_urls_of(
            channel.adapter, channel.account_key, channel.settings, base_url
        ),
        settings=settings_of(channel.adapter, channel.settings),
        overdue_before=overdue_before(today),
        is_statement=channel.adapter == STATEMENT,
        is_offered=channel.adapter in REDIRECT or channel.adapter in CREATE,
        may_switch=request.is_approver,
        delay_s=int(CACHE_S),
        max_reason=MAX_REASON,
        bank_of=bank_name,
    )


@post(
    "/channels/{channel_id:int}/switch",
    operation_id="console_switch_channel",
    status_code=303,
    guards=[only(Role.APPROVER, ChannelSwitchError)],
)
@action(refused_on=show_channel)
async def switch(
    request: ConsoleRequest, db: Driver, channel_id: RowId, data: URLEncodedBody[SwitchForm]
) -> Redirect:
    """Turn a channel on or off, with a reason."""
    is_enabled = data.is_on()
    await switch_channel(
        db,
        request.school_id,
        channel_id,
        is_enabled=is_enabled,
        actor=request.actor,
        reason=typed(data.reason, MAX_REASON + 1),
    )
    done = "channel_enabled" if is_enabled else "channel_disabled"
    return goto(request, f"{LIST}/{channel_id}", done=done)


def bank_name(bin: str) -> str:  # noqa: A002 - the word of the trade
    """The short name of a bank, or the BIN where it has none."""
    found = bank(bin)
    return found.short_name if found else bin


def settings_of(adapter_name: str, given: Mapping[str, str]) -> list[Setting]:
    """An adapter's settings in its own order and words; no name that it counts among its secrets."""
    found = IPN.get(adapter_name)
    if found is None:
        return []
    return [
        Setting(name=name, value=given.get(name, ""), explanation=explanation)
        for name, explanation in found.SETTINGS.items()
        if name not in found.SECRETS
    ]
