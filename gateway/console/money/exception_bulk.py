"""Ngoại lệ, nhiều một lúc: choose, see what would happen to each and what is left out, then confirm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from litestar import post
from litestar.response import Redirect

from core.exceptions.reasons import Reason
from core.kit.database import Driver
from gateway.console.errors import BulkActionMissingError
from gateway.console.frame.actions import action, in_transaction
from gateway.console.frame.forms import number_or_none, typed
from gateway.console.frame.screen import Page, goto, screen
from gateway.console.frame.session import ConsoleRequest
from gateway.console.money.exceptions import LIST
from reconciliation.review.bulk_actions import confirm_bulk
from reconciliation.review.bulk_preview import BulkAction, preview_bulk
from reconciliation.review.notes import MAX_TEXT
from reconciliation.review.proposals import MOST
from reconciliation.review.queue import list_exceptions


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkForm:
    """What the form of the list or of the preview holds. `every`: a reason, for all that are open."""

    exception_ids: tuple[int, ...]
    every: str | None
    action: BulkAction
    digest: str
    note: str


@post("/exceptions/preview", operation_id="console_preview_exceptions", status_code=200)
@in_transaction
async def preview(request: ConsoleRequest, db: Driver) -> Page:
    """What would happen to each that was chosen; nothing is written."""
    chosen = await _chosen(request)
    exception_ids: Sequence[int] = chosen.exception_ids
    if chosen.every:
        rows = await list_exceptions(db, request.school_id, reason=chosen.every, limit=MOST)
        exception_ids = [row.id for row in rows]
    return screen(
        request,
        "exceptions_preview.html",
        active="exceptions",
        preview=await preview_bulk(db, request.school_id, exception_ids, chosen.action),
        exception_ids=sorted(exception_ids),
        note=chosen.note,
        max_note=MAX_TEXT,
    )


@post("/exceptions/bulk", operation_id="console_bulk_exceptions", status_code=303)
@action(refused_on=preview)
async def confirm(request: ConsoleRequest, db: Driver) -> Redirect:
    """Do what was previewed, all of it or nothing; where it has changed the preview is shown again."""
    chosen = await _chosen(request)
    request.paid = await confirm_bulk(
        db,
        request.school_id,
        chosen.exception_ids,
        chosen.action,
        digest=chosen.digest,
        actor=request.actor,
        note=chosen.note,
    )
    return goto(request, LIST, done="bulk_done")


async def _chosen(request: ConsoleRequest) -> BulkForm:
    """Read the form. Raises BulkActionMissingError for an action that there is not."""
    form = await request.form()
    chosen, every = str(form.get("action", "")), str(form.get("every", ""))
    if chosen not in set(BulkAction):
        raise BulkActionMissingError
    numbers = (number_or_none(str(value)) for value in form.getall("id", []))
    return BulkForm(
        exception_ids=tuple(dict.fromkeys(number for number in numbers if number)),
        every=every if every in set(Reason) else None,
        action=BulkAction(chosen),
        digest=str(form.get("digest", "")),
        note=typed(str(form.get("note", "")), MAX_TEXT),
    )
