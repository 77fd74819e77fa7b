"""Nhập dữ liệu: upload, look at everything the file would do and everything wrong with it, accept or drop.

Nothing is written before "Chấp nhận"; what is written then is written by the service of the noun, in
one transaction with the mark that the file was accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from litestar import get, post
from litestar.response import Redirect

from core.fees.concessions import accept_concessions, preview_concessions
from core.fees.queries import list_schedules
from core.fees.service import draft_schedule, preview_schedule
from core.kit.clock import business_date, now_utc
from core.kit.database import Driver
from core.kit.errors import ConflictError, DomainError, NotFoundError
from core.merchants.queries import bank_accounts_of
from core.portal.applications import accept_forms, preview_forms
from core.students.service import accept_roster, check_school_year, preview_roster, school_year_of
from core.uploads.service import (
    Upload,
    drop_upload,
    find_upload,
    keep_upload,
    last_uploads,
    mark_accepted,
)
from gateway.console.errors import BadUploadError, ImportNotFoundError
from gateway.console.frame.actions import action, in_transaction
from gateway.console.frame.forms import file_of, number_or_none
from gateway.console.frame.screen import Page, RowId, goto, screen
from gateway.console.frame.session import ConsoleRequest
from reconciliation.statements.imports import import_statement, preview_statement
from reconciliation.statements.notifications import (
    import_notifications,
    is_notification,
    preview_notifications,
)

LIST: Final = "/console/imports"
KINDS: Final = ("roster", "fees", "concessions", "applications", "statement")
MAX_ACCOUNTS: Final = 50


@get("/imports", operation_id="console_imports")
@in_transaction
async def show_imports(request: ConsoleRequest, db: Driver) -> Page:
    """What can be brought in, the schedules and where they stand, the last files."""
    first = int(school_year_of(business_date(now_utc()))[:4])
    accounts = await bank_accounts_of(db, request.school_id)
    return screen(
        request,
        "imports.html",
        active="imports",
        accounts=sorted(accounts, key=lambda one: not one.is_default)[:MAX_ACCOUNTS],
        schedules=await list_schedules(db, request.school_id),
        files=await last_uploads(db, request.school_id),
        school_years=[f"{year}-{year + 1}" for year in (first, first + 1)],
        limit_mb=request.context.settings.upload_limit // (1024 * 1024),
    )


@post("/imports", operation_id="console_upload", status_code=303)
@action(refused_on=show_imports)
async def upload(request: ConsoleRequest, db: Driver) -> Redirect:
    """Keep an uploaded file and go to its preview."""
    form = await request.form()
    kind = str(form.get("kind", ""))
    content, file_name = await file_of(form.get("file"))
    upload_id = await keep_upload(
        db,
        request.school_id,
        kind=kind,
        file_name=file_name,
        content=content,
        parameters=_parameters(kind, form),
        actor=request.actor,
    )
    return goto(request, f"{LIST}/{upload_id}")


@get("/imports/{upload_id:int}", operation_id="console_import_preview")
@in_transaction
async def show_preview(request: ConsoleRequest, db: Driver, upload_id: RowId) -> Page:
    """What the file would change, and every problem in it; one that cannot be read can only be dropped."""
    found = await _find(db, request, upload_id)
    preview: object = None
    try:
        preview = await _preview(db, request, found)
    except DomainError as unreadable:
        request.problem = request.problem or unreadable
    return screen(
        request,
        "import.html",
        active="imports",
        upload=found,
        preview=preview,
        faults=getattr(preview, "faults", ()),
    )


@post("/imports/{upload_id:int}/accept", operation_id="console_import_accept", status_code=303)
@action(refused_on=show_preview, unless=(NotFoundError, ConflictError))
async def accept(request: ConsoleRequest, db: Driver, upload_id: RowId) -> Redirect:
    """Write what was shown, and go where it is seen."""
    found = await _find(db, request, upload_id, lock=True)
    page = await _accept(db, request, found)
    await mark_accepted(db, request.school_id, upload_id)
    return goto(request, page, done="accepted")


@post("/imports/{upload_id:int}/drop", operation_id="console_import_drop", status_code=303)
@in_transaction
async def drop(request: ConsoleRequest, db: Driver, upload_id: RowId) -> Redirect:
    """Forget the file."""
    await drop_upload(db, request.school_id, upload_id)
    return goto(request, LIST, done="discarded")


async def _find(
    db: Driver, request: ConsoleRequest, upload_id: int, *, lock: bool = False
) -> Upload:
    """A file of a kind that is looked at here. Raises ImportNotFoundError, and as `find_upload`."""
    found = await find_upload(db, request.school_id, upload_id, lock=lock)
    if found.kind not in KINDS:
        raise ImportNotFoundError
    return found


async def _preview(db: Driver, request: ConsoleRequest, found: Upload) -> object:
    """What the file would do. Raises DomainError for a file that cannot be read."""
    school_id, chosen = request.school_id, found.parameters
    content, name = found.content, found.file_name
    match found.kind:
        case "roster":
            keys, year = request.context.keys, chosen["school_year"]
            return await preview_roster(db, school_id, content, name, year, keys=keys)
        case "fees":
            return await preview_schedule(db, school_id, content, name)
        case "concessions":
            return await preview_concessions(db, school_id, content, name)
        case "applications":
            return await preview_forms(db, school_id, int(chosen["schedule_id"]), content, name)
    account_id = int(chosen["bank_account_id"])
    if is_notification(content):
        return await preview_notifications(db, school_id, account_id, content)
    return await preview_statement(db, school_id, account_id, content, name)


async def _accept(db: Driver, request: ConsoleRequest, found: Upload) -> str:
    """Write an accepted file; returns the page that shows what came of it."""
    keys, school_id, actor = request.context.keys, request.school_id, request.actor
    content, name, chosen = found.content, found.file_name, found.parameters
    match found.kind:
        case "roster":
            year = chosen["school_year"]
            await accept_roster(db, keys, school_id, content, name, year, actor=actor)
            return LIST
        case "fees":
            drafted = await draft_schedule(db, school_id, content, name, actor=actor)
            return f"/console/schedules/{drafted.schedule_id}"
        case "concessions":
            await accept_concessions(db, school_id, content, name, actor=actor)
            return LIST
        case "applications":
            service_id, today = int(chosen["schedule_id"]), business_date(now_utc())
            await accept_forms(
                db, keys, school_id, service_id, content, name, on=today, actor=actor
            )
            return f"/console/schedules/{service_id}/applications"
    account_id = int(chosen["bank_account_id"])
    if is_notification(content):
        await import_notifications(db, school_id, account_id, content, actor=actor)
    else:
        await import_statement(db, school_id, account_id, content, name, actor=actor)
    return "/console/reconciliation"


def _parameters(kind: str, form: Any) -> Mapping[str, str]:
    """What was chosen beside the file. Raises BadUploadError for what no form of ours sends."""
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
    raise BadUploadError
