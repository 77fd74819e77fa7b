"""`/api/v1/exceptions`: what a person must look at, page by page, and what a school's software may do about it.

A key acts under its own name and needs a reason like a person. Money is returned, split or suspended at
the console only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, PathParameter

from core.exceptions.errors import NoSuchExceptionError
from core.exceptions.resolutions import BY_WORD
from core.identity.service import ApiCaller
from core.invoices.errors import InvoiceNotFoundError
from core.kit.clock import business_date, now_utc
from core.kit.database import Driver, Query, borrowed, transaction
from core.payments.ingest.group_commit import announce_paid
from gateway.api.base import cursor_of, id_of_cursor, page_size
from gateway.context import AppContext
from reconciliation.review.actions import Action
from reconciliation.review.allocations import allocate_exception
from reconciliation.review.decisions import resolve_exception
from reconciliation.review.notes import MAX_TEXT, add_note
from reconciliation.review.queue import exceptions_of, list_exception_ids

ExceptionId = Annotated[int, PathParameter(gt=0, le=2**63 - 1)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TEXT)]


class ExceptionBody(msgspec.Struct, frozen=True):
    """One exception. `reason` is of the typed list; amounts in VND; instants in UTC.

    age_days: since its business date; known_days: since it was written. actions: what may be done now;
    waiting_vnd: what of its money is in suspense. `mark` names its state: sent with an action, the
    action is refused (409) where that has changed.
    """

    id: int
    reason: str
    amount_vnd: int
    business_date: date
    age_days: int
    known_days: int
    payment_id: int | None
    invoice_reference: str | None
    waiting_vnd: int
    actions: list[Action]
    mark: str
    assigned_to: str | None
    created_at: datetime
    resolution: str | None
    resolved_by: str | None
    resolved_at: datetime | None


class ExceptionListBody(msgspec.Struct, frozen=True):
    """A page of exceptions, oldest first; `next_cursor` is null on the last one."""

    items: list[ExceptionBody]
    next_cursor: str | None


class AllocationRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The invoice that the money is for, and how that is known."""

    invoice_reference: Annotated[str, msgspec.Meta(max_length=40)]
    note: Text
    mark: str | None = None


class Explanation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why nothing more is to be booked. `resolution`: "explained" or "accepted"."""

    note: Text
    resolution: str = BY_WORD[0]
    mark: str | None = None


class NoteBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something to be remembered about it."""

    text: Text


@dataclass(frozen=True, slots=True)
class InvoiceReference:
    """An invoice and the reference that its payers write."""

    id: int
    reference: str


# by uq_invoice_school_id_reference
INVOICE_OF = Query(int, "SELECT id FROM invoice WHERE school_id = $1 AND reference = $2")
REFERENCES = Query(
    InvoiceReference,
    "SELECT id, reference FROM invoice WHERE school_id = $1 AND id = ANY($2::bigint[])",
)


@get("/exceptions", operation_id="list_exceptions", tags=["exceptions"])
async def get_exceptions(
    context: NamedDependency[AppContext],
    caller: NamedDependency[ApiCaller],
    is_open: FromQuery[bool | None] = True,
    reason: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> ExceptionListBody:
    """Exceptions: the open ones, or with `is_open=false` those resolved."""
    size = page_size(limit)
    async with transaction(context.engine) as db:
        found = await list_exception_ids(
            db,
            caller.school_id,
            after_id=id_of_cursor(cursor),
            is_open=is_open,
            reason=reason,
            limit=size + 1,
        )
        items = await _bodies(db, caller.school_id, found[:size])
    return ExceptionListBody(items, cursor_of(items[-1].id) if len(found) > size else None)


@get("/exceptions/{exception_id:int}", operation_id="get_exception", tags=["exceptions"])
async def get_exception(
    context: NamedDependency[AppContext],
    caller: NamedDependency[ApiCaller],
    exception_id: ExceptionId,
) -> ExceptionBody:
    """One exception."""
    async with transaction(context.engine) as db:
        return await _body(db, caller.school_id, exception_id)


@post(
    "/exceptions/{exception_id:int}/place",
    operation_id="place_exception",
    tags=["exceptions"],
    status_code=200,
)
async def post_allocation(
    context: NamedDependency[AppContext],
    caller: NamedDependency[ApiCaller],
    exception_id: ExceptionId,
    data: JSONBody[AllocationRequest],
) -> ExceptionBody:
    """Allocate money in suspense to an invoice; what is over becomes its pupil's credit."""
    async with transaction(context.engine) as db:
        invoice_id = await db.fetch_one(
            INVOICE_OF, caller.school_id, data.invoice_reference.upper()
        )
        if invoice_id is None:
            raise InvoiceNotFoundError
        step = await allocate_exception(
            db,
            caller.school_id,
            exception_id,
            invoice_id,
            actor=caller.actor,
            note=data.note,
            mark=data.mark,
        )
        body = await _body(db, caller.school_id, exception_id)
    async with borrowed(context.engine) as db:
        await announce_paid(db, frozenset((caller.school_id, one) for one in step.invoice_ids))
    return body


@post(
    "/exceptions/{exception_id:int}/explain",
    operation_id="explain_exception",
    tags=["exceptions"],
    status_code=200,
)
async def post_explanation(
    context: NamedDependency[AppContext],
    caller: NamedDependency[ApiCaller],
    exception_id: ExceptionId,
    data: JSONBody[Explanation],
) -> ExceptionBody:
    """Close an exception with a reason, without any posting. Refused (409) while its money waits in suspense."""
    async with transaction(context.engine) as db:
        await resolve_exception(
            db,
            caller.school_id,
            exception_id,
            resolution=data.resolution,
            actor=caller.actor,
            note=data.note,
            mark=data.mark,
        )
        return await _body(db, caller.school_id, exception_id)


@post(
    "/exceptions/{exception_id:int}/notes",
    operation_id="note_exception",
    tags=["exceptions"],
    status_code=200,
)
async def post_note(
    context: NamedDependency[AppContext],
    caller: NamedDependency[ApiCaller],
    exception_id: ExceptionId,
    data: JSONBody[NoteBody],
) -> ExceptionBody:
    """Write something down about an exception."""
    async with transaction(context.engine) as db:
        await add_note(db, caller.school_id, exception_id, actor=caller.actor, text=data.text)
        return await _body(db, caller.school_id, exception_id)


async def _body(db: Driver, school_id: int, exception_id: int) -> ExceptionBody:
    found = await _bodies(db, school_id, [exception_id])
    if not found:
        raise NoSuchExceptionError
    return found[0]


async def _bodies(db: Driver, school_id: int, exception_ids: list[int]) -> list[ExceptionBody]:
    """Those exceptions, oldest first."""
    today = business_date(now_utc())
    rows = await exceptions_of(db, school_id, exception_ids)
    invoice_ids = [row.invoice_id for row in rows if row.invoice_id]
    named = await db.fetch(REFERENCES, school_id, invoice_ids)
    references = {one.id: one.reference for one in named}
    return [
        ExceptionBody(
            id=row.id,
            reason=row.reason,
            amount_vnd=row.amount_vnd,
            business_date=row.business_date,
            age_days=row.age_days(today),
            known_days=row.known_days(today),
            payment_id=row.payment_id,
            invoice_reference=references.get(row.invoice_id) if row.invoice_id else None,
            waiting_vnd=row.money.suspense_vnd if row.is_suspended else 0,
            actions=list(row.actions),
            mark=row.mark,
            assigned_to=row.assigned_to,
            created_at=row.created_at,
            resolution=row.resolution,
            resolved_by=row.resolved_by,
            resolved_at=row.resolved_at,
        )
        for row in rows
    ]
