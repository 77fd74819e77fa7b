"""`hocphi import-applications`: a list of applications for an approved service, each with its invoice."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import click
from sqlalchemy.ext.asyncio import AsyncEngine

from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from core.kit.money import format_vnd
from core.portal.applications import FormsPreview, Submitted, accept_forms, preview_forms
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


@click.command("import-applications")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--service",
    "service_id",
    type=int,
    required=True,
    help="The number of the approved service, as import-fees gave it.",
)
@school_option
@click.option("--as", "actor", default=OPERATOR, show_default=True, help="Who hands them in.")
@click.option("--yes", is_flag=True, help="Write without asking.")
@json_option
def import_applications(
    file: Path, service_id: int, school_code: str | None, actor: str, yes: bool, as_json: bool
) -> None:
    """Nhập hồ sơ. / Read an Excel or CSV list of applications: shows what it would add, writes it when confirmed."""

    async def work(engine: AsyncEngine) -> tuple[FormsPreview, Submitted | None]:
        with file.open("rb") as opened:
            data = opened.read(settings().upload_limit + 1)  # the reader refuses what is longer
        school_id = await school_id_of(engine, school_code)
        async with transaction(engine) as db:
            preview = await preview_forms(db, school_id, service_id, data, file.name)
        if not as_json:
            click.echo("\n".join(_preview_lines(preview)))
        if preview.faults or not (
            yes or is_confirmed("Nhận các hồ sơ này? / Write these applications?", as_json=as_json)
        ):
            return preview, None
        async with transaction(engine) as db:
            submitted = await accept_forms(
                db,
                keys_of(settings()),
                school_id,
                service_id,
                data,
                file.name,
                on=business_date(now_utc()),
                actor=actor,
            )
        return preview, submitted

    preview, submitted = run(work)
    base_url = settings().base_url
    print_result(
        {
            "accepted": submitted is not None,
            "service_id": service_id,
            "service": preview.service.name,
            "created": len(submitted.created) if submitted else preview.created,
            "unchanged": preview.unchanged,
            "total_vnd": preview.total_vnd,
            "applications": [
                {
                    "file_code": one.file_code,
                    "reference": one.reference,
                    "total_vnd": one.total_vnd,
                    "pay_url": f"{base_url}/pay/{one.token}",
                }
                for one in (submitted.applications if submitted else ())
            ],
            "faults": [dataclasses.asdict(fault) for fault in preview.faults],
        },
        as_json=as_json,
        lines=["Đã nhận hồ sơ. / The applications were written."]
        if submitted
        else ["Chưa ghi gì. / Nothing was written."],
    )
    if preview.faults:
        sys.exit(1)


def _preview_lines(preview: FormsPreview) -> list[str]:
    lines = [
        f"{preview.service.name}, nộp trước / pay by {preview.service.due_on:%d/%m/%Y}",
        (
            f"{preview.created} hồ sơ mới, {preview.unchanged} đã có, phải thu thêm {format_vnd(preview.total_vnd, 'vi')}."
            f" / {preview.created} new, {preview.unchanged} here already, {format_vnd(preview.total_vnd, 'en')} more."
        ),
    ]
    if preview.ignored_columns:
        lines.append(f"Cột không dùng / Columns not used: {', '.join(preview.ignored_columns)}")
    for fault in preview.faults:
        place = f"dòng/row {fault.row}, {fault.column}" if fault.row else ""
        value = f" [{fault.value}]" if fault.value else ""
        lines.append(f"  ! {place}{value}: {fault.vi} / {fault.en}")
    if preview.faults:
        lines.append(
            f"{len(preview.faults)} lỗi cần sửa. / {len(preview.faults)} faults to correct."
        )
    return lines
