"""The live status of an invoice as Server-Sent Events: the state now, then every change.

A hint from `PaidFeed` or the clock makes it look again; each look is one short query, and no
connection is held between looks. It must never say more than the page itself shows.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from litestar.response.sse import ServerSentEventMessage

from adapters.messages import Lang, msg
from core.invoices.queries import PublicInvoice, State, progress_of
from core.kit.database import transaction
from core.kit.texts import translate
from gateway.context import AppContext
from gateway.parents.sheet import version_of

LOOK_EVERY_S: Final = 15.0
LONGEST_S: Final = 20 * 60.0
"""A stream ends then; a page that is still open connects again by itself."""
MOST_STREAMS: Final = 5_000
"""Open streams per process; beyond, pages ask again now and then by themselves."""

_MESSAGES: Final = {
    State.OPEN: msg("Đang chờ thanh toán."),
    State.PARTIAL: msg("Đã nhận một phần số tiền."),
    State.PAID: msg("Đã thanh toán đủ. Cảm ơn quý phụ huynh!"),
    State.CANCELLED: msg("Phiếu báo thu đã được hủy."),
}


class Streams:
    """How many streams are open in this process."""

    def __init__(self, most: int = MOST_STREAMS) -> None:
        self._most = most
        self._open = 0

    @property
    def is_full(self) -> bool:
        """Whether one more would be too many."""
        return self._open >= self._most

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count a stream while it is open."""
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1


async def state_events(
    context: AppContext, streams: Streams, invoice: PublicInvoice, lang: Lang
) -> AsyncIterator[ServerSentEventMessage]:
    """The invoice's state as events named `standing`, comments between them.

    Their data: {"version", "state", "message", "is_final"}.
    """
    clock = asyncio.get_running_loop()
    ends_at = clock.time() + LONGEST_S
    shown = ""
    with streams.one(), context.paid.subscribe(invoice.school_id, invoice.invoice_id) as hint:
        while clock.time() < ends_at:
            hint.clear()
            async with transaction(context.engine) as db:
                progress = await progress_of(db, invoice.school_id, invoice.invoice_id)
            state = progress.state
            version = version_of(invoice.token, state, progress.paid_vnd)
            is_final = state in (State.PAID, State.CANCELLED)
            if version != shown:
                shown = version
                yield ServerSentEventMessage(
                    event="standing",
                    retry=5_000,
                    data=json.dumps(
                        {
                            "version": version,
                            "state": state,
                            "message": translate(_MESSAGES[state], lang),
                            "is_final": is_final,
                        }
                    ),
                )
            else:
                yield ServerSentEventMessage(data=None, comment="still here")
            if is_final:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(hint.wait(), LOOK_EVERY_S)
