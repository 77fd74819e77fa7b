"""`hocphi create-school`, accounts, users, keys and class lists: what sets a school up.

A password, a credential and a key never stand among the arguments, where other users of the machine
can read them: they come from a prompt, a file or standard input. An `account_key` is none of these: it
names a merchant account, as its IPN address does.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import click
from sqlalchemy.ext.asyncio import AsyncEngine

from core.identity.service import Role, create_api_key, create_user, revoke_api_key
from core.kit.clock import business_date, now_utc
from core.kit.database import Driver, Query, transaction
from core.kit.faults import Fault
from core.merchants.credentials import replace_credentials
from core.merchants.directory import CACHE_S
from core.merchants.provider_client import provider_client
from core.merchants.service import MerchantCreated, add_bank_account, add_merchant_account
from core.merchants.webhooks import register_webhook
from core.schools.service import create_school
from core.students.service import (
    RosterPreview,
    RosterResult,
    accept_roster,
    preview_roster,
    school_year_of,
)
from gateway.cli.context import (
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

OPERATOR = "operator"
"""Who acts in the audit chain when a command does: whoever may run commands on the server."""

credentials_option = click.option(
    "--credentials",
    type=click.File("rb"),
    default="-",
    help='JSON {"secrets": {…}, "settings": {…}}: a file, or "-" for standard input.',
)
account_key_option = click.option(
    "--account-key", required=True, help="The last part of the merchant account's IPN address."
)


@click.command("create-school")
@click.option("--code", required=True, help="A short code, e.g. TH-HOASEN.")
@click.option("--name", required=True, help="The full name, as on receipts.")
@click.option("--address", default="")
@click.option("--province", default="")
@click.option("--accounting-regime", default="TT24/2024", show_default=True)
@json_option
def create_school_command(
    code: str, name: str, address: str, province: str, accounting_regime: str, as_json: bool
) -> None:
    """Lập trường và mở sổ. / Create a school and open its books."""

    async def work(engine: AsyncEngine) -> int:
        async with transaction(engine) as db:
            return await create_school(
                db,
                code=code,
                name=name,
                address=address,
                province=province,
                accounting_regime=accounting_regime,
            )

    school_id = run(work)
    print_result(
        {"school_id": school_id, "code": code},
        as_json=as_json,
        lines=[f"Đã tạo trường {code}. / School {code} was created."],
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


@click.command("create-user")
@school_option
@click.option("--username", required=True)
@click.option("--display-name", required=True)
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@json_option
def create_user_command(
    school_code: str | None,
    username: str,
    display_name: str,
    role: str,
    password_stdin: bool,
    as_json: bool,
) -> None:
    """Tạo người dùng. / Create a user of the console; asks for the password."""
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt(
            "Mật khẩu / Password", hide_input=True, confirmation_prompt=True, err=True
        )

    async def work(engine: AsyncEngine) -> int:
        school_id = await school_id_of(engine, school_code)
        async with transaction(engine) as db:
            return await create_user(
                db,
                school_id,
                username=username,
                display_name=display_name,
                password=password,
                role=role,
                actor=OPERATOR,
            )

    user_id = run(work)
    print_result(
        {"user_id": user_id},
        as_json=as_json,
        lines=[f"Đã tạo người dùng {username}. / User {username} was created."],
    )


@click.command("create-api-key")
@school_option
@click.option("--name", required=True, help="The software that will use it, e.g. SMAS.")
@json_option
def create_api_key_command(school_code: str | None, name: str, as_json: bool) -> None:
    """Cấp khoá API. / Create an API key for the school's software; it is shown this once."""

    async def work(engine: AsyncEngine) -> str:
        school_id = await school_id_of(engine, school_code)
        async with transaction(engine) as db:
            return await create_api_key(db, school_id, name, actor=OPERATOR)

    key = run(work)
    print_result(
        {"api_key": key},
        as_json=as_json,
        lines=[key, "Khóa chỉ hiện một lần này. / The key is shown this once."],
    )


@click.command("revoke-api-key")
@school_option
@click.option("--name", required=True)
def revoke_api_key_command(school_code: str | None, name: str) -> None:
    """Thu hồi khoá API. / End an API key's use at once."""

    async def work(engine: AsyncEngine) -> None:
        school_id = await school_id_of(engine, school_code)
        async with transaction(engine) as db:
            await revoke_api_key(db, school_id, name, actor=OPERATOR)

    run(work)
    click.echo("Đã thu hồi khóa. / The key was revoked.")


@click.command("import-roster")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@school_option
@click.option("--school-year", default=None, help="E.g. 2026-2027; from July on, the coming one.")
@click.option("--yes", is_flag=True, help="Write without asking.")
@json_option
def import_roster_command(
    file: Path, school_code: str | None, school_year: str | None, yes: bool, as_json: bool
) -> None:
    """Nhập danh sách học sinh. / Read an Excel or CSV class list: shows what it would change, writes it when confirmed."""
    year = school_year or school_year_of(business_date(now_utc()))

    async def work(engine: AsyncEngine) -> tuple[RosterPreview, RosterResult | None]:
        with file.open("rb") as upload:
            data = upload.read(settings().upload_limit + 1)
        keys = keys_of(settings())
        school_id = await school_id_of(engine, school_code)
        async with transaction(engine) as db:
            preview = await preview_roster(db, school_id, data, file.name, year, keys=keys)
        if not as_json:
            click.echo("\n".join(_preview_lines(preview)))
        if preview.faults or not (yes or _is_confirmed(as_json=as_json)):
            return preview, None
        async with transaction(engine) as db:
            result = await accept_roster(db, keys, school_id, data, file.name, year, actor=OPERATOR)
        return preview, result

    preview, result = run(work)
    counts = result or preview
    print_result(
        {
            "accepted": result is not None,
            "school_year": year,
            "created": counts.created,
            "updated": counts.updated,
            "unchanged": counts.unchanged,
            "absent": preview.absent,
            "new_classes": preview.new_classes,
            "faults": [asdict(fault) for fault in preview.faults],
            "warnings": [asdict(fault) for fault in preview.warnings],
        },
        as_json=as_json,
        lines=["Đã ghi danh sách. / The list was written."]
        if result
        else ["Chưa ghi gì. / Nothing was written."],
    )
    if preview.faults:
        sys.exit(1)


def _is_confirmed(*, as_json: bool) -> bool:
    """Ask on a terminal; elsewhere only --yes writes."""
    if as_json or not sys.stdin.isatty():
        return False
    return click.confirm("Ghi danh sách này? / Write this list?", default=False)


def _preview_lines(preview: RosterPreview) -> list[str]:
    lines = [
        (
            f"Năm học {preview.school_year}: {preview.created} học sinh mới, {preview.updated} thay đổi,"
            f" {preview.unchanged} như cũ, {preview.absent} không có trong danh sách."
        ),
        (
            f"School year {preview.school_year}: {preview.created} new, {preview.updated} changed,"
            f" {preview.unchanged} unchanged, {preview.absent} not on the list."
        ),
    ]
    if preview.new_classes:
        lines.append(f"Lớp mới / New classes: {', '.join(preview.new_classes)}")
    if preview.ignored_columns:
        lines.append(f"Cột không dùng / Columns not used: {', '.join(preview.ignored_columns)}")
    lines += [f"  ? {_place(fault)}{fault.vi} / {fault.en}" for fault in preview.warnings]
    lines += [f"  ! {_place(fault)}{fault.vi} / {fault.en}" for fault in preview.faults]
    if preview.faults:
        lines.append(
            f"{len(preview.faults)} lỗi cần sửa. / {len(preview.faults)} faults to correct."
        )
    return lines


def _place(fault: Fault) -> str:
    value = f" [{fault.value}]" if fault.value else ""
    return f"dòng/row {fault.row}, {fault.column}{value}: " if fault.row else ""
