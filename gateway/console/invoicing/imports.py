"""Nhập dữ liệu: upload, look at everything the file would do and everything wrong with it, accept or drop.

Nothing is written before "Chấp nhận"; what is written then is written by the service of the noun, in
one transaction with the mark that the file was accepted.
"""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect

from core.fees.concessions import accept_concessions, preview_concessions
from core.fees.queries import list_schedules
from core.fees.service import draft_schedule, preview_schedule
from core.kit.clock import business_date, now_utc
from core.kit.database import Driver, transaction
from core.kit.errors import DomainError, Problem, not_found
from core.portal.applications import accept_forms, preview_forms
from core.students.service import (
    accept_roster,
    check_school_year,
    preview_roster,
    school_year_of,
)
from gateway.console.frame.screen import HttpRequest, RowId, Staff, goto, number_or_none, screen
from gateway.console.frame.uploads import (
    Batch,
    drop_file,
    file_of,
    held_file,
    hold_file,
    last_files,
    mark_accepted,
)
from gateway.context import AppContext
from gateway.problems import status_of
from reconciliation.statements.imports import import_statement, preview_statement
from reconciliation.statements.notifications import (
    import_notifications,
    is_notification,
    preview_notifications,
)

LIST: Final = "/console/imports"
KINDS: Final = ("roster", "fees", "concessions", "applications", "statement")


@get("/imports", operation_id="console_imports")
async def show_imports(
    request: HttpRequest, context: NamedDependency[AppContext], staff: NamedDependency[Staff]
) -> Response[Any]:
    """What can be brought in, the schedules and where they stand, the last files."""
    return await _imports_screen(request, context, staff)


@post("/imports", operation_id="console_upload", status_code=303)
async def upload(
    request: HttpRequest, context: NamedDependency[AppContext], staff: NamedDependency[Staff]
) -> Response[Any]:
    """Hold an uploaded file and go to its preview."""
    try:
        form = await request.form()
        kind = str(form.get("kind", ""))
        content, file_name = await file_of(form.get("file"))
        parameters = _parameters(kind, form)
        async with transaction(context.engine) as db:
            batch_id = await hold_file(
                db,
                staff.school_id,
                kind=kind,
                file_name=file_name,
                content=content,
                parameters=parameters,
                actor=staff.actor,
            )
    except DomainError as problem:
        return await _imports_screen(request, context, staff, problem)
    return goto(request, f"{LIST}/{batch_id}")


@get("/imports/{batch_id:int}", operation_id="console_import_preview")
async def show_preview(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    batch_id: RowId,
) -> Response[Any]:
    """What the file would change, and every problem in it."""
    return await _preview_screen(request, context, staff, batch_id)


@post("/imports/{batch_id:int}/accept", operation_id="console_import_accept", status_code=303)
async def accept(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    batch_id: RowId,
) -> Response[Any]:
    """Write what was shown."""
    try:
        async with transaction(context.engine) as db:
            batch = await _held_here(db, staff, batch_id, lock=True)
            next_page = await _write(db, context, staff, batch)
            await mark_accepted(db, staff.school_id, batch_id)
    except DomainError as problem:
        if status_of(problem) in {404, 409}:
            raise
        return await _preview_screen(request, context, staff, batch_id, problem)
    return _after(request, next_page)


@post("/imports/{batch_id:int}/drop", operation_id="console_import_drop", status_code=303)
async def drop(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    batch_id: RowId,
) -> Response[Any]:
    """Forget the file."""
    async with transaction(context.engine) as db:
        await drop_file(db, staff.school_id, batch_id)
    return goto(request, LIST, done="discarded")


def _after(request: HttpRequest, path: str) -> Redirect:
    return goto(request, path, done="accepted")


async def _write(db: Driver, context: AppContext, staff: Staff, batch: Batch) -> str:
    """Write an accepted file; returns the page that shows what came of it."""
    if batch.kind == "roster":
        await accept_roster(
            db,
            context.keys,
            staff.school_id,
            batch.content,
            batch.file_name,
            batch.parameters["school_year"],
            actor=staff.actor,
        )
        return LIST
    if batch.kind == "fees":
        drafted = await draft_schedule(
            db, staff.school_id, batch.content, batch.file_name, actor=staff.actor
        )
        return f"/console/schedules/{drafted.schedule_id}"
    if batch.kind == "concessions":
        await accept_concessions(
            db, staff.school_id, batch.content, batch.file_name, actor=staff.actor
        )
        return LIST
    if batch.kind == "applications":
        service_id = int(batch.parameters["schedule_id"])
        await accept_forms(
            db,
            context.keys,
            staff.school_id,
            service_id,
            batch.content,
            batch.file_name,
            on=business_date(now_utc()),
            actor=staff.actor,
        )
        return f"/console/schedules/{service_id}/applications"
    if is_notification(batch.content):
        await import_notifications(
            db,
            staff.school_id,
            int(batch.parameters["bank_account_id"]),
            batch.content,
            actor=staff.actor,
        )
        return "/console/reconciliation"
    await import_statement(
        db,
        staff.school_id,
        int(batch.parameters["bank_account_id"]),
        batch.content,
        batch.file_name,
        actor=staff.actor,
    )
    return "/console/reconciliation"


async def _held_here(db: Driver, staff: Staff, batch_id: int, *, lock: bool = False) -> Batch:
    """A held file of a kind that is looked at here. Raises Problem as `held_file`."""
    batch = await held_file(db, staff.school_id, batch_id, lock=lock)
    if batch.kind not in KINDS:
        raise not_found("tệp này ở trang nhập dữ liệu", "file on this page")
    return batch


async def _preview(db: Driver, context: AppContext, staff: Staff, batch: Batch) -> object:
    if batch.kind == "roster":
        return await preview_roster(
            db,
            staff.school_id,
            batch.content,
            batch.file_name,
            batch.parameters["school_year"],
            keys=context.keys,
        )
    if batch.kind == "fees":
        return await preview_schedule(db, staff.school_id, batch.content, batch.file_name)
    if batch.kind == "concessions":
        return await preview_concessions(db, staff.school_id, batch.content, batch.file_name)
    if batch.kind == "applications":
        return await preview_forms(
            db,
            staff.school_id,
            int(batch.parameters["schedule_id"]),
            batch.content,
            batch.file_name,
        )
    if is_notification(batch.content):
        return await preview_notifications(
            db, staff.school_id, int(batch.parameters["bank_account_id"]), batch.content
        )
    return await preview_statement(
        db,
        staff.school_id,
        int(batch.parameters["bank_account_id"]),
        batch.content,
        batch.file_name,
    )


def _parameters(kind: str, form: Any) -> dict[str, str]:
    """What was chosen beside the file. Raises Problem for what no form of ours sends."""
    if kind == "roster":
        return {"school_year": check_school_year(str(form.get("school_year", "")))}
    if kind in {"fees", "concessions"}:
        return {}
    schedule_id = number_or_none(str(form.get("schedule_id", "")))
    if kind == "applications" and schedule_id:
        return {"schedule_id": str(schedule_id)}
    bank_account_id = number_or_none(str(form.get("bank_account_id", "")))
    if kind == "statement" and bank_account_id:
        return {"bank_account_id": str(bank_account_id)}
    raise Problem(
        "bad_upload",
        vi="Hãy chọn loại dữ liệu và tài khoản ngân hàng.",
        en="Choose what the file is and, for a statement, the bank account.",
    )


async def _imports_screen(
    request: HttpRequest, context: AppContext, staff: Staff, problem: DomainError | None = None
) -> Response[Any]:
    first = int(school_year_of(business_date(now_utc()))[:4])
    async with transaction(context.engine) as db:
        accounts = await db.raw.fetch(
            "SELECT id, number, coalesce(nullif(label, ''), holder) AS name FROM bank_account"
            " WHERE school_id = $1 ORDER BY is_default DESC, id LIMIT 50",
            staff.school_id,
        )
        schedules = await list_schedules(db, staff.school_id)
        files = await last_files(db, staff.school_id)
    return screen(
        request,
        "imports.html",
        active="imports",
        problem=problem,
        accounts=accounts,
        schedules=schedules,
        files=files,
        school_years=[f"{year}-{year + 1}" for year in (first, first + 1)],
        limit_mb=context.settings.upload_limit // (1024 * 1024),
    )


async def _preview_screen(
    request: HttpRequest,
    context: AppContext,
    staff: Staff,
    batch_id: int,
    problem: DomainError | None = None,
) -> Response[Any]:
    """The preview; a file that cannot be read at all is told so and can only be dropped."""
    async with transaction(context.engine) as db:
        batch = await _held_here(db, staff, batch_id)
        preview: object = None
        try:
            preview = await _preview(db, context, staff, batch)
        except DomainError as unreadable:
            problem = problem or unreadable
    return screen(
        request,
        "import.html",
        active="imports",
        problem=problem,
        batch=batch,
        preview=preview,
        faults=getattr(preview, "faults", ()),
    )
