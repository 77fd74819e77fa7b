"""The parents' routes as one router, with the limit that all of them share."""

from __future__ import annotations

import time
from typing import Any

from litestar import Request, Router
from litestar.di import Provide
from litestar.middleware.rate_limit import RateLimitConfig
from litestar.stores.memory import MemoryStore

from gateway.network import client_ip
from gateway.parents.live import Streams
from gateway.parents.pages import (
    UNLIMITED,
    begin_checkout,
    invoice_events,
    return_from_checkout,
    show_invoice,
    show_payload,
    show_qr_png,
    show_qr_svg,
)
from gateway.parents.receipts import download_official_receipt, show_receipt

PER_MINUTE = 240
"""Requests per minute and address: a school's whole wifi is one address, so it is generous. Tokens
cannot be guessed; this only bounds what one caller may cost."""
SWEEP_EVERY_S = 60.0


def parents_router(trusted_proxies: int) -> Router:
    """Everything below /pay and /receipts. Live streams are bounded by their number instead."""

    def caller(request: Request[Any, Any, Any]) -> str:
        return client_ip(request, trusted_proxies)

    next_sweep = 0.0

    async def forget_past_callers(request: Request[Any, Any, Any]) -> None:
        """The store in memory drops what has expired only when it is asked to."""
        nonlocal next_sweep
        store = limit.get_store_from_app(request.app)
        if time.monotonic() >= next_sweep and isinstance(store, MemoryStore):
            next_sweep = time.monotonic() + SWEEP_EVERY_S
            await store.delete_expired()

    streams = Streams()
    limit = RateLimitConfig(
        rate_limit=("minute", PER_MINUTE),
        identifier_for_request=caller,
        exclude_opt_key=UNLIMITED,
        store="rate_limit",
    )
    return Router(
        path="/",
        route_handlers=[
            show_invoice,
            show_qr_svg,
            show_qr_png,
            show_payload,
            invoice_events,
            begin_checkout,
            return_from_checkout,
            show_receipt,
            download_official_receipt,
        ],
        dependencies={"streams": Provide(lambda: streams, sync_to_thread=False)},
        middleware=[limit.middleware],
        after_response=forget_past_callers,
    )
