"""Who is calling: the peer's address, or what our own proxies add about it.

It must never trust a header that a stranger may have written.
"""

from __future__ import annotations

from typing import Any

from litestar import Request


def address_of(peer: tuple[str, int] | None, forwarded_for: str, trusted_proxies: int) -> str:
    """The caller's address; "" when unknown.

    Each of our `trusted_proxies` appends one hop to X-Forwarded-For (`forwarded_for`); what comes
    before those hops was written by the caller and counts for nothing.
    """
    if trusted_proxies > 0:
        hops = [hop.strip() for hop in forwarded_for.split(",")]
        if len(hops) >= trusted_proxies and hops[-trusted_proxies]:
            return hops[-trusted_proxies]
    return peer[0] if peer else ""


def client_ip(request: Request[Any, Any, Any], trusted_proxies: int) -> str:
    """The address that a request came from."""
    forwarded_for = request.headers.get("x-forwarded-for", "")
    return address_of(request.scope["client"], forwarded_for, trusted_proxies)
