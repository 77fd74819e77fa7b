"""The addresses that a provider is given for a channel: what its adapter names, below the gateway's own address.

Whoever signs up with a provider types these into the provider's form, so they must be the very paths
that the adapter reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adapters import IPN
from adapters.messages import Message


@dataclass(frozen=True, slots=True)
class CallbackUrl:
    """An address for a provider, and what comes to it."""

    url: str
    what: Message


def callback_urls_of(
    adapter: str, account_key: str, settings: Mapping[str, str], base_url: str
) -> tuple[CallbackUrl, ...]:
    """Where the provider of this channel reaches us; nothing for a channel that nobody calls."""
    if adapter not in IPN:
        return ()
    ipn, portal = f"{base_url}/ipn/{adapter}/{account_key}", f"{base_url}/portal/{account_key}"
    return tuple(
        CallbackUrl((portal if one.is_portal else ipn) + one.path, one.what)
        for one in IPN[adapter].callbacks(settings)
    )
