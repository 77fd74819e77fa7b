"""`/api/v1/exceptions`: what a person must look at, page by page. Read-only."""

from __future__ import annotations

from datetime import date, datetime

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from gateway.api import cursor_of, id_of_cursor, page_size
from gateway.house import House
from gateway.identity.service import ApiCaller
from gateway.kit.database import transaction


class ExceptionBody(msgspec.Struct, frozen=True):
    """One exception. `reason` is of the typed list; amounts in VND; instants in UTC."""

    id: int
    reason: str
    amount_vnd: int
    business_date: date
    payment_id: int | None
    invoice_reference: str | None
    created_at: datetime
    resolution: str | None
    resolved_by: str | None
    resolved_at: datetime | None


class ExceptionListBody(msgspec.Struct, frozen=True):
    """A page of exceptions, oldest first; `next_cursor` is null on the last one."""

    items: list[ExceptionBody]
    next_cursor: str | None


@get("/exceptions", operation_id="list_exceptions", tags=["exceptions"])
async def get_exceptions(
    house: NamedDependency[House],
    caller: NamedDependency[ApiCaller],
    is_open: FromQuery[bool | None] = True,
    reason: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> ExceptionListBody:
    """Exceptions: the open ones, or with `is_open=false` those resolved."""
    size = page_size(limit)
    async with transaction(house.engine) as db:
        rows = await db.fetch(
            """
            SELECT e.id, e.reason, e.amount_vnd, e.business_date, e.payment_id,
                   i.reference AS invoice_reference, e.created_at, e.resolution, e.resolved_by, e.resolved_at
              FROM exception e
              LEFT JOIN invoice i ON i.school_id = e.school_id AND i.id = e.invoice_id
             WHERE e.school_id = $1 AND e.id > $2
               AND ($3::boolean IS NULL OR (e.resolved_at IS NULL) = $3)
               AND ($4::text IS NULL OR e.reason = $4)
             ORDER BY e.id LIMIT $5
            """,
            caller.school_id,
            id_of_cursor(cursor),
            is_open,
            reason,
            size + 1,
        )
    items = [ExceptionBody(**dict(row)) for row in rows[:size]]
    return ExceptionListBody(items, cursor_of(items[-1].id) if len(rows) > size else None)
