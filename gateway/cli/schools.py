"""`hocphi create-school`, users, API keys and class lists: what sets a school up.

A password must never be given as an argument, where other users of the machine can read it: it comes from
a prompt or standard input.
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click
from sqlalchemy.ext.asyncio import AsyncEngine

from core.identity.service import Role, create_api_key, create_user, revoke_api_key
from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from core.kit.faults import Fault
from core.schools.service import create_school
from core.students.service import (
    RosterPreview,
    RosterResult,
    accept_roster,
    preview_roster,
    school_year_of,
)
from gateway.cli.context import (
    OPERATOR,
    is_confirmed,
    json_option,
    print_result,
    run,
    school_id_of,
    school_option,
)
from gateway.context import keys_of
from gateway.settings import settings


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
        if preview.faults or not (
            yes or is_confirmed("Ghi danh sách này? / Write this list?", as_json=as_json)
        ):
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
