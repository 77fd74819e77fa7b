"""Registering our IPN address at a provider by its own call, where it has one (`adapters.REGISTER`).

The provider tries the address before it keeps it, so the gateway must be running under its public
address. Nothing is stored but that it was done; doing it again changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters import REGISTER
from adapters.contract import Refused, RefusedError
from core.identity.audit import audit
from core.kit.database import Query, transaction
from core.kit.seal import Keys
from core.merchants.directory import Merchant, merchants_by_id
from core.merchants.errors import (
    AccountIncompleteError,
    ChannelIsOffError,
    CredentialsRefusedError,
    NoRegisterCallError,
    ProviderUnansweredError,
    UnknownChannelError,
    WebhookNotRegisteredError,
    WebhookTryFailedError,
)
from core.merchants.provider_client import UnansweredError, send


@dataclass(frozen=True, slots=True)
class RegistrableChannel:
    """A merchant account's adapter, and whether it is on."""

    adapter: str
    enabled: bool


CHANNEL = Query(
    RegistrableChannel,
    "SELECT adapter, enabled FROM merchant_account WHERE school_id = $1 AND id = $2",
)


async def register_webhook(
    engine: AsyncEngine,
    keys: Keys,
    http: httpx.AsyncClient,
    school_id: int,
    merchant_account_id: int,
    *,
    url: str,
    actor: str,
) -> None:
    """Have the provider try and keep `url`, the account's IPN address, with an audit entry once it did.

    Raises UnknownChannelError, NoRegisterCallError, ChannelIsOffError, AccountIncompleteError,
    ProviderUnansweredError, or a WebhookNotRegisteredError that says why the provider refused.
    """
    merchant = await _registrable(engine, keys, school_id, merchant_account_id)
    adapter = REGISTER[merchant.adapter]
    try:
        request = adapter.register_webhook(url, merchant.account)
    except RefusedError as error:
        raise AccountIncompleteError(error.field) from error
    try:
        adapter.read_registered(await send(http, request), merchant.account)
    except UnansweredError as error:
        raise ProviderUnansweredError(merchant.adapter) from error
    except RefusedError as error:
        raise _not_kept(merchant.adapter, error) from error
    async with transaction(engine) as db:
        await audit(
            db,
            school_id,
            actor=actor,
            action="channel.webhook_registered",
            subject=f"merchant_account:{merchant_account_id}",
            detail={"adapter": merchant.adapter},
        )


async def _registrable(
    engine: AsyncEngine, keys: Keys, school_id: int, merchant_account_id: int
) -> Merchant:
    async with transaction(engine) as db:
        channel = await db.fetch_one(CHANNEL, school_id, merchant_account_id)
        if channel is None:
            raise UnknownChannelError
        if channel.adapter not in REGISTER:
            raise NoRegisterCallError(channel.adapter, tuple(REGISTER))
        if not channel.enabled:
            raise ChannelIsOffError
        found = await merchants_by_id(db, keys, [(school_id, merchant_account_id)])
        return found[school_id, merchant_account_id]


def _not_kept(adapter_name: str, error: RefusedError) -> WebhookNotRegisteredError:
    """Why the provider did not keep the address, for the operator."""
    if error.reason is Refused.UNAUTHENTICATED:
        return CredentialsRefusedError(adapter_name)
    if error.reason is Refused.BUSY:
        return WebhookTryFailedError(adapter_name)
    return WebhookNotRegisteredError(adapter_name)
