"""`hocphi add-bank-account`, `add-merchant-account`, `set-credentials`, `register-webhook`: where money arrives.

A credential must never be given as an argument, where other users of the machine can read it: it comes
from a file or standard input. An `account_key` is none: it names a merchant account, as its IPN address does.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import BinaryIO

import click
from sqlalchemy.ext.asyncio import AsyncEngine

from core.kit.database import Driver, Query, transaction
from core.merchants.credentials import replace_credentials
from core.merchants.directory import CACHE_S
from core.merchants.provider_client import provider_client
from core.merchants.service import MerchantCreated, add_bank_account, add_merchant_account
from core.merchants.webhooks import register_webhook
from gateway.cli.context import (
    OPERATOR,
    bank_account_id_of,
    json_option,
    print_result,
    run,
    school_id_of,
    school_option,
)
from gateway.cli.errors import (
    AccountKeyNotFoundError,
    BadCredentialsFileError,
    NothingToReplaceError,
)
from gateway.context import keys_of
from gateway.settings import settings

credentials_option = click.option(
    "--credentials",
    type=click.File("rb"),
    default="-",
    help='JSON {"secrets": {…}, "settings": {…}}: a file, or "-" for standard input.',
)
account_key_option = click.option(
    "--account-key", required=True, help="The last part of the merchant account's IPN address."
)


@click.command("add-bank-account")
@school_option
@click.option("--bin", "bank_bin", required=True, help="The bank's BIN, 6 digits.")
@click.option("--number", required=True, help="The account number.")
@click.option("--holder", required=True, help="The holder as the bank prints it.")
@click.option("--label", default="", help="How the school calls it.")
@click.option("--default", "is_default", is_flag=True, help="Receives fees that name no account.")
@json_option
def add_bank_account_command(
    school_code: str | None,
    bank_bin: str,
    number: str,
    holder: str,
    label: str,
    is_default: bool,
    as_json: bool,
) -> None:
    """Thêm tài khoản ngân hàng. / Add a bank account of the school."""

    async def work(engine: AsyncEngine) -> int:
        school_id = await school_id_of(engine, school_code)
        async with transaction(engine) as db:
            return await add_bank_account(
                db,
                school_id,
                bin=bank_bin,
                number=number,
                holder=holder,
                label=label,
                is_default=is_default,
            )

    account_id = run(work)
    print_result(
        {"bank_account_id": account_id},
        as_json=as_json,
        lines=[f"Đã thêm tài khoản {number}. / Account {number} was added."],
    )


@click.command("add-merchant-account")
@school_option
@click.option("--adapter", required=True, help="The provider, e.g. vnpay, sepay, vietqrvn.")
@click.option("--account", "number", required=True, help="The bank account it pays to.")
@click.option("--settlement", type=click.Choice(["direct", "batch"]), required=True)
@credentials_option
@json_option
def add_merchant_account_command(
    school_code: str | None,
    adapter: str,
    number: str,
    settlement: str,
    credentials: BinaryIO,
    as_json: bool,
) -> None:
    """Kết nối đơn vị thanh toán. / Add an account with a provider; prints the IPN address to give it."""

    async def work(engine: AsyncEngine) -> MerchantCreated:
        secrets, chosen = _read_credentials(credentials.read())
        school_id = await school_id_of(engine, school_code)
        async with transaction(engine) as db:
            account_id = await bank_account_id_of(db, school_id, number)
            return await add_merchant_account(
                db,
                keys_of(settings()),
                school_id,
                adapter=adapter,
                bank_account_id=account_id or 0,
                settlement=settlement,
                secrets=secrets,
                settings=chosen,
            )

    made = run(work)
    address = _ipn_url(adapter, made.account_key)
    print_result(
        {
            "merchant_account_id": made.id,
            "account_key": made.account_key,
            "ipn_url": address,
        },
        as_json=as_json,
        lines=[f"Địa chỉ IPN / IPN address: {address}", f"account_key: {made.account_key}"],
    )


def _read_credentials(data: str | bytes) -> tuple[dict[str, str], dict[str, str]]:
    """(secrets, settings) of the JSON; neither is ever repeated in a message."""
    try:
        given = json.loads(data)
        secrets, chosen = given.pop("secrets", {}), given.pop("settings", {})
    except (ValueError, TypeError, AttributeError):
        given = secrets = chosen = None
    if given != {} or not isinstance(secrets, dict) or not isinstance(chosen, dict):
        raise BadCredentialsFileError
    return secrets, chosen


@click.command("set-credentials")
@account_key_option
@credentials_option
@json_option
def set_credentials_command(account_key: str, credentials: BinaryIO, as_json: bool) -> None:
    """Đổi khóa kết nối. / Replace credentials of a merchant account; its IPN address stays.

    What is not named stays; "" takes an optional value away. Running processes follow within seconds.
    """

    async def work(engine: AsyncEngine) -> tuple[str, ...]:
        secrets, chosen = _read_credentials(credentials.read())
        if not secrets and not chosen:
            raise NothingToReplaceError
        async with transaction(engine) as db:
            named = await _merchant_named(db, account_key)
            return await replace_credentials(
                db,
                keys_of(settings()),
                named.school_id,
                named.id,
                secrets=secrets,
                settings=chosen,
                actor=OPERATOR,
            )

    changed = run(work)
    print_result(
        {"changed": changed},
        as_json=as_json,
        lines=[
            f"Đã đổi: {', '.join(changed)}; có hiệu lực trong vòng {CACHE_S:.0f} giây.",
            f"Replaced: {', '.join(changed)}; in force within {CACHE_S:.0f} seconds.",
        ]
        if changed
        else ["Không có gì thay đổi. / Nothing changed."],
    )


@click.command("register-webhook")
@account_key_option
@json_option
def register_webhook_command(account_key: str, as_json: bool) -> None:
    """Đăng ký địa chỉ IPN. / Have the provider keep our IPN address, by its own call; it tries it at once."""

    async def work(engine: AsyncEngine) -> tuple[str, str]:
        async with transaction(engine) as db:
            named = await _merchant_named(db, account_key)
        url = _ipn_url(named.adapter, account_key)
        async with provider_client() as http:
            await register_webhook(
                engine,
                keys_of(settings()),
                http,
                named.school_id,
                named.id,
                url=url,
                actor=OPERATOR,
            )
        return named.adapter, url

    adapter, url = run(work)
    print_result(
        {"adapter": adapter, "ipn_url": url},
        as_json=as_json,
        lines=[f"{adapter} đã nhận địa chỉ IPN. / {adapter} keeps the IPN address.", url],
    )


@dataclass(frozen=True, slots=True)
class NamedMerchant:
    """A merchant account, on or off, that its key names."""

    school_id: int
    id: int
    adapter: str


MERCHANT_BY_KEY = Query(
    NamedMerchant, "SELECT school_id, id, adapter FROM merchant_account WHERE account_key = $1"
)


async def _merchant_named(db: Driver, account_key: str) -> NamedMerchant:
    """The merchant account of a key. Raises AccountKeyNotFoundError."""
    found = await db.fetch(MERCHANT_BY_KEY, account_key)
    if len(found) != 1:
        raise AccountKeyNotFoundError
    return found[0]


def _ipn_url(adapter: str, account_key: str) -> str:
    return f"{settings().base_url}/ipn/{adapter}/{account_key}"
