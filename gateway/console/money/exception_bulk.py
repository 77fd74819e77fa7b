"""Ngoại lệ, nhiều một lúc: choose, see what would happen to each and what is left out, then confirm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Response, post
from litestar.di import NamedDependency

from core.exceptions.reasons import Reason
from core.kit.database import borrowed, transaction
from core.kit.errors import DomainError, Problem
from core.payments.ingest.group_commit import announce_paid
from gateway.console.frame.screen import HttpRequest, Staff, goto, number_or_none, screen, typed
from gateway.console.money.exceptions import LIST
from gateway.context import AppContext
from reconciliation.review.bulk_actions import confirm_bulk
from reconciliation.review.bulk_preview import BulkAction, preview_bulk
from reconciliation.review.notes import MAX_TEXT
from reconciliation.review.proposals import MOST
from reconciliation.review.queue import list_exceptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What the form of the list or of the preview says. `every`: a reason, for all that are open."""

    exception_ids: tuple[int, ...]
    every: str | None
    action: BulkAction
    digest: str
    note: str


@post("/exceptions/preview", operation_id="console_preview_exceptions", status_code=200)
async def preview(
    request: HttpRequest, context: NamedDependency[AppContext], staff: NamedDependency[Staff]
) -> Response[Any]:
    """What would happen to each that was chosen; nothing is written."""
    return await _preview_screen(request, context, staff, await _chosen(request))


@post("/exceptions/bulk", operation_id="console_bulk_exceptions", status_code=303)
async def confirm(
    request: HttpRequest, context: NamedDependency[AppContext], staff: NamedDependency[Staff]
) -> Response[Any]:
    """Do what was previewed, all of it or nothing; where it has changed the preview is shown again."""
    chosen = await _chosen(request)
    try:
        async with transaction(context.engine) as db:
            touched = await confirm_bulk(
                db,
                staff.school_id,
                chosen.exception_ids,
                chosen.action,
                digest=chosen.digest,
                actor=staff.actor,
                note=chosen.note,
            )
    except DomainError as problem:
        return await _preview_screen(request, context, staff, chosen, problem)
    async with borrowed(context.engine) as db:
        await announce_paid(db, touched)
    return goto(request, LIST, done="bulk_done")


async def _chosen(request: HttpRequest) -> Chosen:
    """Read the form. Raises Problem (422) for an action that there is not."""
    form = await request.form()
    action, every = str(form.get("action", "")), str(form.get("every", ""))
    if action not in set(BulkAction):
        raise Problem(
            "bad_action", vi="Hãy chọn việc cần làm.", en="Choose what to do.", status=422
        )
    numbers = (number_or_none(str(value)) for value in form.getall("id", []))
    return Chosen(
        exception_ids=tuple(dict.fromkeys(number for number in numbers if number)),
        every=every if every in set(Reason) else None,
        action=BulkAction(action),
        digest=str(form.get("digest", "")),
        note=typed(str(form.get("note", "")), MAX_TEXT),
    )


async def _preview_screen(
    request: HttpRequest,
    context: AppContext,
    staff: Staff,
    chosen: Chosen,
    problem: DomainError | None = None,
) -> Response[Any]:
    async with transaction(context.engine) as db:
        exception_ids: Sequence[int] = chosen.exception_ids
        if chosen.every:
            rows = await list_exceptions(db, staff.school_id, reason=chosen.every, limit=MOST)
            exception_ids = [row.id for row in rows]
        found = await preview_bulk(db, staff.school_id, exception_ids, chosen.action)
    return screen(
        request,
        "exceptions_preview.html",
        active="exceptions",
        problem=problem,
        preview=found,
        exception_ids=sorted(exception_ids),
        note=chosen.note,
        max_note=MAX_TEXT,
    )
