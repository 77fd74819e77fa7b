"""Kênh thu: how each channel of the school is doing, what its provider must be told, and its switch.

What a provider said in words that its protocol does not define stands here too: such a message counts
as pending, and only the provider can say what it means. Credentials are never shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody

from adapters import CREATE, IPN, REDIRECT
from adapters.banks import bank
from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from core.kit.errors import DomainError, Problem
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
from gateway.console.frame.screen import HttpRequest, RowId, Staff, goto, screen, typed
from gateway.console.setup.callback_urls import callback_urls_of
from gateway.context import AppContext

LIST: Final = "/console/channels"
APPROVER: Final = "approver"


@dataclass(frozen=True, slots=True)
class SwitchForm:
    """On or off, and why."""

    to: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting of an adapter: its value, "" where its default holds, and the adapter's words."""

    name: str
    value: str
    explanation: str


@get("/channels", operation_id="console_channels")
async def show_channels(
    request: HttpRequest, context: NamedDependency[AppContext], staff: NamedDependency[Staff]
) -> Response[Any]:
    """Every channel with its figures, and the words that no protocol defines."""
    today = business_date(now_utc())
    async with transaction(context.engine) as db:
        channels = await channels_of(db, staff.school_id, today)
        unmapped = await unmapped_statuses(db, staff.school_id)
    return screen(
        request,
        "channels.html",
        active="channels",
        channels=channels,
        unmapped=unmapped,
        overdue_before=overdue_before(today),
        bank_of=bank_name,
    )


@get("/channels/{channel_id:int}", operation_id="console_channel")
async def show_channel(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    channel_id: RowId,
) -> Response[Any]:
    """One channel: its addresses, its settings, its last messages, its switch."""
    return await _channel_screen(request, context, staff, channel_id)


@post("/channels/{channel_id:int}/switch", operation_id="console_switch_channel", status_code=303)
async def switch(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    channel_id: RowId,
    data: URLEncodedBody[SwitchForm],
) -> Response[Any]:
    """Turn a channel on or off: an approver, with a reason."""
    try:
        _check_approver(staff)
        is_enabled = _wanted(data.to)
        async with transaction(context.engine) as db:
            await switch_channel(
                db,
                staff.school_id,
                channel_id,
                is_enabled=is_enabled,
                actor=staff.actor,
                reason=typed(data.reason, MAX_REASON + 1),
            )
    except DomainError as problem:
        return await _channel_screen(request, context, staff, channel_id, problem)
    done = "channel_enabled" if is_enabled else "channel_disabled"
    return goto(request, f"{LIST}/{channel_id}", done=done)


def bank_name(bin: str) -> str:  # noqa: A002 - the word of the trade
    """The short name of a bank, or the BIN where it has none."""
    found = bank(bin)
    return found.short_name if found else bin


def settings_of(adapter_name: str, given: Mapping[str, str]) -> list[Setting]:
    """An adapter's settings in its own order and words; no name that it counts among its secrets."""
    adapter = IPN.get(adapter_name)
    if adapter is None:
        return []
    return [
        Setting(name=name, value=given.get(name, ""), explanation=explanation)
        for name, explanation in adapter.SETTINGS.items()
        if name not in adapter.SECRETS
    ]


def _check_approver(staff: Staff) -> None:
    if staff.user.role != APPROVER:
        raise Problem(
            "not_an_approver",
            vi="Chỉ người có vai trò duyệt mới bật, tắt được kênh thu.",
            en="Only an approver can turn a channel on or off.",
            status=403,
        )


def _wanted(to: str) -> bool:
    """What the form asks for. Raises Problem (422) for anything but "on" and "off"."""
    if to not in {"on", "off"}:
        raise Problem("bad_switch", vi="Hãy chọn bật hoặc tắt.", en="Choose on or off.", status=422)
    return to == "on"


async def _channel_screen(
    request: HttpRequest,
    context: AppContext,
    staff: Staff,
    channel_id: int,
    problem: DomainError | None = None,
) -> Response[Any]:
    today = business_date(now_utc())
    async with transaction(context.engine) as db:
        channel = await find_channel(db, staff.school_id, channel_id, today)
        notices = await last_notices(db, staff.school_id, channel_id)
        unmapped = await unmapped_statuses(db, staff.school_id) if channel.unmapped_count else []
        off = None if channel.is_enabled else await switched_off(db, staff.school_id, channel_id)
    return screen(
        request,
        "channel.html",
        active="channels",
        problem=problem,
        channel=channel,
        notices=notices,
        unmapped=[word for word in unmapped if word.channel_id == channel_id],
        off=off,
        doors=callback_urls_of(
            channel.adapter, channel.account_key, channel.settings, context.settings.base_url
        ),
        settings=settings_of(channel.adapter, channel.settings),
        overdue_before=overdue_before(today),
        is_statement=channel.adapter == STATEMENT,
        is_offered=channel.adapter in REDIRECT or channel.adapter in CREATE,
        may_switch=staff.user.role == APPROVER,
        delay_s=int(CACHE_S),
        max_reason=MAX_REASON,
        bank_of=bank_name,
    )
