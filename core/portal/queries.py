"""Reading applications: one by its file code, or a service's in the order in which they came in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from core.invoices.selects import InvoiceStatus, status_of
from core.kit.database import Driver, Query

PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationRow:
    """An application with its invoice. Amounts in VND; `full_name` is for the school's own staff."""

    id: int
    service_id: int
    service_name: str
    file_code: str
    full_name: str = field(repr=False)
    quantities: Mapping[str, int]
    invoice_id: int
    reference: str
    token: str
    total_vnd: int
    paid_vnd: int
    is_cancelled: bool
    due_on: date
    created_at: datetime

    @property
    def status(self) -> InvoiceStatus:
        """Where its invoice stands, apart from being overdue."""
        return status_of(
            total_vnd=self.total_vnd, paid_vnd=self.paid_vnd, is_cancelled=self.is_cancelled
        )

    @property
    def open_vnd(self) -> int:
        """What is still to be paid, VND."""
        return 0 if self.is_cancelled else self.total_vnd - self.paid_vnd


_APPLICATION = """
SELECT a.id, a.fee_schedule_id AS service_id, f.name AS service_name, a.file_code, s.full_name, a.quantities,
       a.invoice_id, i.reference, i.token, i.total_vnd, i.paid_vnd, i.cancelled_at IS NOT NULL AS is_cancelled,
       i.due_on, a.created_at
  FROM application a
  JOIN fee_schedule f ON f.school_id = a.school_id AND f.id = a.fee_schedule_id
  JOIN student s ON s.school_id = a.school_id AND s.id = a.student_id
  JOIN invoice i ON i.school_id = a.school_id AND i.id = a.invoice_id
 WHERE a.school_id = $1
"""
BY_CODE = Query(ApplicationRow, f"{_APPLICATION} AND a.file_code = ANY($2::text[])")
# ix_application_service gives the order; $3 the id before which the page begins
PAGE_OF_SERVICE = Query(
    ApplicationRow,
    f"{_APPLICATION} AND a.fee_schedule_id = $2 AND a.id < $3 ORDER BY a.id DESC LIMIT $4",
)
_NEWEST = 2**63 - 1


async def application_by_code(db: Driver, school_id: int, file_code: str) -> ApplicationRow | None:
    """The application under a file code, in whatever case it was typed; None where there is none."""
    code = file_code.strip().upper()
    if not code.isascii() or not code.isprintable():  # no row can hold it
        return None
    return (await applications_by_code(db, school_id, [code])).get(code)


async def applications_by_code(
    db: Driver, school_id: int, file_codes: Sequence[str]
) -> dict[str, ApplicationRow]:
    """File code -> application, for those of `file_codes` (upper case) that exist."""
    found = await db.fetch(BY_CODE, school_id, list(file_codes))
    return {one.file_code: one for one in found}


async def applications_of(
    db: Driver, school_id: int, service_id: int, *, before: int | None = None, limit: int = PAGE
) -> tuple[tuple[ApplicationRow, ...], int | None]:
    """A service's applications, the newest first, and the id before which the next page begins."""
    rows = await db.fetch(
        PAGE_OF_SERVICE, school_id, service_id, _NEWEST if before is None else before, limit + 1
    )
    shown = tuple(rows[:limit])
    return shown, shown[-1].id if len(rows) > limit else None
