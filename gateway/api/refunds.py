"""`/api/v1/refunds`: requesting refunds, and their states. Deciding is for people, at the console."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, PathParameter

from core.identity.service import ApiCaller
from core.kit.database import transaction
from core.kit.money import MAX_VND
from core.refunds.payee import read_payee
from core.refunds.queries import RefundRow, find_refund, page_of_refunds
from core.refunds.service import RefundRequest, request_refund
from core.refunds.states import Method, Status
from gateway.api.base import cursor_of, id_of_cursor, page_size
from gateway.context import AppContext

RowId = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]


class PayeeBody(msgspec.Struct, frozen=True):
    """The account that receives a transfer. It is never shown again in full."""

    bin: str
    number: str
    holder: str

    def __repr__(self) -> str:
        return "PayeeBody()"


class RefundRequestBody(msgspec.Struct, frozen=True):
    """A refund to be requested, VND. `key`: yours; the same request sent again means the same refund,
    another one with it is refused (409).

    `payee` is needed by method "payout" and by it alone. `from_invoice_id`: give back what this invoice
    got; without it the pupil's credit goes first, then suspense, then what was settled last.
    """

    payment_id: RowId
    amount_vnd: Annotated[int, msgspec.Meta(ge=1, le=MAX_VND)]
    reason: str
    method: Method
    key: Annotated[str, msgspec.Meta(min_length=1)]
    payee: PayeeBody | None = None
    from_invoice_id: RowId | None = None


class RefundBody(msgspec.Struct, frozen=True):
    """A refund, VND. `code` is in the text of the bank's transfer; `payee` is masked; instants in UTC."""

    id: int
    code: str
    payment_id: int
    method: Method
    status: Status
    amount_vnd: int
    reason: str
    payee: str
    requested_by: str
    requested_at: datetime
    approved_by: str | None
    approved_at: datetime | None
    done_on: date | None
    note: str


class RefundListBody(msgspec.Struct, frozen=True):
    """A page of refunds in the order of their requests; `next_cursor` is null on the last one."""

    items: list[RefundBody]
    next_cursor: str | None


@get("/refunds", operation_id="list_refunds", tags=["refunds"])
async def get_refunds(
    context: NamedDependency[AppContext],
    caller: NamedDependency[ApiCaller],
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> RefundListBody:
    """Refunds in the order of their requests."""
    size = page_size(limit)
    async with transaction(context.engine) as db:
        rows = await page_of_refunds(
            db, context.keys, caller.school_id, after_id=id_of_cursor(cursor), limit=size + 1
        )
    items = [_body(row) for row in rows[:size]]
    return RefundListBody(items, cursor_of(items[-1].id) if len(rows) > size else None)


@get("/refunds/{refund_id:int}", operation_id="get_refund", tags=["refunds"])
async def get_refund(
    context: NamedDependency[AppContext],
    caller: NamedDependency[ApiCaller],
    refund_id: Annotated[int, PathParameter(gt=0, le=2**63 - 1)],
) -> RefundBody:
    """One refund."""
    async with transaction(context.engine) as db:
        return _body(await find_refund(db, context.keys, caller.school_id, refund_id))


@post("/refunds", operation_id="request_refund", tags=["refunds"], status_code=200)
async def post_refund(
    context: NamedDependency[AppContext],
    caller: NamedDependency[ApiCaller],
    data: JSONBody[RefundRequestBody],
) -> RefundBody:
    """Request a refund; a person approves it at the console unless it is within the school's limit."""
    payee = data.payee
    request = RefundRequest(
        amount_vnd=data.amount_vnd,
        reason=data.reason,
        method=data.method,
        payee=read_payee(payee.bin, payee.number, payee.holder) if payee else None,
        from_invoice_id=data.from_invoice_id,
        key=f"{caller.actor}:{data.key}",
    )
    async with transaction(context.engine) as db:
        made = await request_refund(
            db, context.keys, caller.school_id, data.payment_id, request, actor=caller.actor
        )
        return _body(await find_refund(db, context.keys, caller.school_id, made.id))


def _body(row: RefundRow) -> RefundBody:
    return RefundBody(
        id=row.id,
        code=row.code,
        payment_id=row.payment_id,
        method=row.method,
        status=row.status,
        amount_vnd=row.amount_vnd,
        reason=row.reason,
        payee=row.payee,
        requested_by=row.requested_by,
        requested_at=row.created_at,
        approved_by=row.approved_by,
        approved_at=row.approved_at,
        done_on=row.done_on,
        note=row.note,
    )
