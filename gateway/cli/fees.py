"""`hocphi import-fees`, `approve-fees`, `issue`: from a fee file to every pupil's invoice."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click
from sqlalchemy.ext.asyncio import AsyncEngine

from core.fees.concessions import (
    ConcessionPreview,
    ConcessionResult,
    accept_concessions,
    preview_concessions,
)
from core.fees.service import (
    Drafted,
    SchedulePreview,
    approve_schedule,
    draft_schedule,
    preview_schedule,
)
from core.invoices.service import Issued, issue
from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from core.kit.faults import Fault
from core.kit.money import format_vnd
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

NATURES = {"tuition": "học phí", "service": "dịch vụ", "on_behalf": "thu hộ"}


@click.command("import-fees")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@school_option
@click.option("--as", "actor", default=OPERATOR, show_default=True, help="Who drafts it.")
@click.option("--yes", is_flag=True, help="Draft without asking.")
@json_option
def import_fees(file: Path, school_code: str | None, actor: str, yes: bool, as_json: bool) -> None:
    """Nhập bảng khoản thu. / Read an Excel or CSV fee file: shows what it would charge, drafts it when confirmed."""

    async def work(engine: AsyncEngine) -> tuple[SchedulePreview, Drafted | None]:
        with file.open("rb") as opened:
            data = opened.read(settings().upload_limit + 1)  # the reader refuses what is longer
        school_id = await school_id_of(engine, school_code)
        async with transaction(engine) as db:
            preview = await preview_schedule(db, school_id, data, file.name)
        if not as_json:
            click.echo("\n".join(_preview_lines(preview)))
        if preview.faults or not (
            yes or is_confirmed("Lập đợt thu này? / Draft this schedule?", as_json=as_json)
        ):
            return preview, None
        async with transaction(engine) as db:
            return preview, await draft_schedule(db, school_id, data, file.name, actor=actor)

    preview, drafted = run(work)
    forecast = preview.forecast
    print_result(
        {
            "schedule_id": drafted.schedule_id if drafted else preview.schedule_id,
            "drafted": drafted is not None,
            "is_new": drafted.is_new if drafted else None,
            "version": drafted.version if drafted else None,
            "kind": preview.kind,
            "name": preview.name,
            "school_year": preview.school_year,
            "month": preview.month,
            "due_on": preview.due_on,
            "lines": len(preview.lines),
            "registrations": len(preview.registrations),
            "invoices": forecast.invoice_count if forecast else None,
            "total_vnd": forecast.total_vnd if forecast else None,
            "conceded_by_school_vnd": preview.relief.by_school_vnd if forecast else None,
            "conceded_by_state_vnd": preview.relief.by_state_vnd if forecast else None,
            "faults": [dataclasses.asdict(fault) for fault in preview.faults],
        },
        as_json=as_json,
        lines=[_outcome(drafted)],
    )
    if preview.faults:
        sys.exit(1)


@click.command("import-concessions")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@school_option
@click.option("--as", "actor", default=OPERATOR, show_default=True, help="Who grants it.")
@click.option("--yes", is_flag=True, help="Write without asking.")
@json_option
def import_concessions(
    file: Path, school_code: str | None, actor: str, yes: bool, as_json: bool
) -> None:
    """Nhập danh sách miễn, giảm học phí. / Read an Excel or CSV list of concessions, written when confirmed."""

    async def work(engine: AsyncEngine) -> tuple[ConcessionPreview, ConcessionResult | None]:
        with file.open("rb") as opened:
            data = opened.read(settings().upload_limit + 1)
        school_id = await school_id_of(engine, school_code)
        async with transaction(engine) as db:
            preview = await preview_concessions(db, school_id, data, file.name)
        if not as_json:
            click.echo(
                f"Miễn giảm: {preview.created} mới, {preview.changed} đổi ngày kết thúc hoặc căn cứ,"
                f" {preview.unchanged} như cũ."
            )
            click.echo(
                f"Concessions: {preview.created} new, {preview.changed} changed, {preview.unchanged} unchanged."
            )
            click.echo("\n".join(_fault_lines(preview.faults)))
        if preview.faults or not (
            yes or is_confirmed("Ghi danh sách này? / Write this list?", as_json=as_json)
        ):
            return preview, None
        async with transaction(engine) as db:
            return preview, await accept_concessions(db, school_id, data, file.name, actor=actor)

    preview, result = run(work)
    counts = result or preview
    print_result(
        {
            "accepted": result is not None,
            "created": counts.created,
            "changed": counts.changed,
            "unchanged": counts.unchanged,
            "faults": [dataclasses.asdict(fault) for fault in preview.faults],
        },
        as_json=as_json,
        lines=["Đã ghi danh sách. / The list was written."]
        if result
        else ["Chưa ghi gì. / Nothing was written."],
    )
    if preview.faults:
        sys.exit(1)


@click.command("approve-fees")
@click.argument("schedule_id", metavar="SCHEDULE", type=int)
@school_option
@click.option("--as", "actor", required=True, help="Who approves it: not who drafted it.")
@json_option
def approve_fees(schedule_id: int, school_code: str | None, actor: str, as_json: bool) -> None:
    """Duyệt đợt thu. / Approve a drafted schedule."""

    async def work(engine: AsyncEngine) -> None:
        school_id = await school_id_of(engine, school_code)
        async with transaction(engine) as db:
            await approve_schedule(db, school_id, schedule_id, actor=actor)

    run(work)
    print_result(
        {"schedule_id": schedule_id, "approved_by": actor},
        as_json=as_json,
        lines=[f"Đã duyệt đợt thu {schedule_id}. / Schedule {schedule_id} is approved."],
    )


@click.command("issue")
@click.argument("schedule_id", metavar="SCHEDULE", type=int)
@school_option
@click.option("--on", "on", type=click.DateTime(["%Y-%m-%d", "%d/%m/%Y"]), help="Default: today.")
@click.option("--as", "actor", default=OPERATOR, show_default=True, help="Who issues it.")
@json_option
def issue_invoices(
    schedule_id: int, school_code: str | None, on: datetime | None, actor: str, as_json: bool
) -> None:
    """Phát hành phiếu báo thu. / Make every missing invoice of an approved schedule."""
    day = on.date() if on else business_date(now_utc())

    async def work(engine: AsyncEngine) -> Issued:
        school_id = await school_id_of(engine, school_code)
        async with transaction(engine) as db:
            return await issue(db, keys_of(settings()), school_id, schedule_id, on=day, actor=actor)

    issued = run(work)
    print_result(
        {"schedule_id": schedule_id, "issued_on": day, **dataclasses.asdict(issued)},
        as_json=as_json,
        lines=[
            (
                f"Đã phát hành {issued.invoices} phiếu báo thu, {format_vnd(issued.total_vnd, 'vi')}"
                f" (đã có từ trước: {issued.already})."
            ),
            (
                f"{issued.invoices} invoices issued, {format_vnd(issued.total_vnd, 'en')}"
                f" ({issued.already} were there already)."
            ),
        ],
    )


def _preview_lines(preview: SchedulePreview) -> list[str]:
    lines = [f"{preview.name} · năm học / school year {preview.school_year}"]
    if preview.kind == "application":
        lines.append("Dịch vụ thu theo hồ sơ / A service, charged by application")
    if preview.month and preview.due_on:
        lines.append(
            f"Tháng / month {preview.month:%m/%Y}, hạn nộp / due {preview.due_on:%d/%m/%Y}"
        )
    counts = preview.forecast.students_by_line if preview.forecast else [None] * len(preview.lines)
    for line, count in zip(preview.lines, counts, strict=True):
        optional = ", tự nguyện" if line.is_optional else ""
        by_roster = count is not None and preview.kind == "roster"
        pupils = f" × {count} học sinh" if by_roster else ""
        lines.append(
            f"  {line.item_code}  {line.name} ({NATURES[line.nature]}{optional}) · {line.scope} ·"
            f" {format_vnd(line.unit_price_vnd, 'vi')} × {line.quantity} {line.unit}"
            f" = {format_vnd(line.amount_vnd, 'vi')}{pupils} → {line.account}"
        )
    if preview.forecast and preview.kind == "roster":
        lines.append(
            f"{preview.forecast.student_count} học sinh, {preview.forecast.invoice_count} phiếu báo thu / invoices,"
            f" {format_vnd(preview.forecast.total_vnd, 'vi')}"
        )
    if preview.relief.by_school_vnd or preview.relief.by_state_vnd:
        lines.append(
            f"Miễn, giảm: trường {format_vnd(preview.relief.by_school_vnd, 'vi')},"
            f" Nhà nước {format_vnd(preview.relief.by_state_vnd, 'vi')} / conceded by the school, by the State"
        )
    lines += _fault_lines(preview.faults)
    if preview.schedule_id:
        lines.append(
            f"Đã có đợt thu này, số {preview.schedule_id}. / This is schedule {preview.schedule_id}."
        )
    return lines


def _fault_lines(faults: Sequence[Fault]) -> list[str]:
    lines = []
    for fault in faults:
        place = ", ".join(
            part for part in (f"dòng {fault.row}" if fault.row else "", fault.column) if part
        )
        value = f" [{fault.value}]" if fault.value else ""
        lines.append(f"  ! {f'{place}: ' if place else ''}{fault.vi}{value} / {fault.en}")
    if faults:
        lines.append(f"{len(faults)} lỗi cần sửa. / {len(faults)} faults to correct.")
    return lines


def _outcome(drafted: Drafted | None) -> str:
    if drafted is None:
        return "Chưa ghi gì. / Nothing was written."
    number = drafted.schedule_id
    if not drafted.is_new:
        return f"Không có gì thay đổi, đợt thu số {number}. / Nothing changed, schedule {number}."
    return f"Đã lập đợt thu số {number}, chờ duyệt. / Schedule {number} is drafted and awaits approval."
