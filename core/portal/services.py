"""Services: approved fee schedules that are charged to who applies, not to the roster. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from core.kit.database import Driver, Query
from core.portal.errors import (
    NotAServiceError,
    ServiceNotApprovedError,
    ServiceNotFoundError,
    SeveralAccountsError,
)
from core.portal.forms import ServiceLine


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenService:
    """An approved service: what may be applied for until when, and at which price."""

    id: int
    name: str
    school_year: str
    due_on: date
    lines: tuple[ServiceLine, ...]


@dataclass(frozen=True, slots=True)
class ServiceRecord:
    """What decides whether a schedule takes applications. `account_count`: accounts its lines are paid to."""

    kind: str
    name: str
    school_year: str
    due_on: date
    status: str
    account_count: int


SERVICE = Query(
    ServiceRecord,
    """
SELECT f.kind, f.name, f.school_year, f.due_on, f.status,
       (SELECT count(DISTINCT i.bank_account_id) FROM fee_schedule_line l
          JOIN fee_item i ON i.school_id = l.school_id AND i.id = l.fee_item_id
         WHERE l.school_id = f.school_id AND l.fee_schedule_id = f.id) AS account_count
  FROM fee_schedule f WHERE f.school_id = $1 AND f.id = $2
""",
)
SERVICE_LINES = Query(
    ServiceLine,
    """
SELECT i.code AS item_code, i.name, i.unit, l.unit_price_vnd, l.quantity, i.is_optional
  FROM fee_schedule_line l JOIN fee_item i ON i.school_id = l.school_id AND i.id = l.fee_item_id
 WHERE l.school_id = $1 AND l.fee_schedule_id = $2 ORDER BY l.line_no
""",
)


async def open_service(db: Driver, school_id: int, service_id: int) -> OpenService:
    """A service that takes applications.

    Raises ServiceNotFoundError, NotAServiceError, ServiceNotApprovedError, SeveralAccountsError.
    """
    service = await db.fetch_one(SERVICE, school_id, service_id)
    if service is None:
        raise ServiceNotFoundError
    if service.kind != "application":
        raise NotAServiceError
    if service.status == "drafted":
        raise ServiceNotApprovedError
    if service.account_count != 1:
        raise SeveralAccountsError
    return OpenService(
        id=service_id,
        name=service.name,
        school_year=service.school_year,
        due_on=service.due_on,
        lines=tuple(await db.fetch(SERVICE_LINES, school_id, service_id)),
    )
