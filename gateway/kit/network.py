"""Who is calling: the peer's address, or what our own proxies say of it. Never trust a stranger's header."""

from __future__ import annotations

from typing import Any

from litestar import Request


def client_ip(request: Request[Any, Any, Any], trusted_proxies: int) -> str:
    """The caller's address. Each of our `trusted_proxies` appends one hop to X-Forwarded-For."""
    if trusted_proxies > 0:
        hops = [hop.strip() for hop in request.headers.get("x-forwarded-for", "").split(",")]
        if len(hops) >= trusted_proxies and hops[-trusted_proxies]:
            return hops[-trusted_proxies]
    return request.client.host if request.client else ""
