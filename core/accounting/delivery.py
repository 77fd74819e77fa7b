"""What was exported, listed, and whether the school's own software acknowledged it.

An acknowledgement names the file's SHA-256: another one means that something else was read, so it is
refused and kept in the audit chain. It must never change an export otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from core.accounting.errors import UnknownExportError
from core.accounting.export import JSON
from core.identity.audit import audit
from core.kit.database import Command, Driver, Query


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An export without its content. `total_vnd`: the sum of its lines.

    `first_on`, `last_on`: the days of its vouchers. `closed_until`: the last closed day of the school's
    books, now; `locked_until`: the same when the export was made.
    """

    id: int
    number: int
    format: str
    file_name: str
    sha256: str
    voucher_count: int
    total_vnd: int
    exported_by: str
    first_on: date | None
    last_on: date | None
    locked_until: date | None
    closed_until: date | None
    created_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None

    @property
    def is_awaited(self) -> bool:
        """Whether a program was to read it and has not acknowledged it."""
        by_program = self.format == JSON or self.exported_by.startswith("api:")
        return by_program and self.acknowledged_at is None

    @property
    def is_final(self) -> bool:
        """Whether all its vouchers fall in closed days: nothing is booked there any more."""
        return (
            self.closed_until is not None
            and self.last_on is not None
            and self.last_on <= self.closed_until
        )

    @property
    def is_partly_final(self) -> bool:
        """Whether some of its vouchers fall in closed days, and others do not."""
        return (
            not self.is_final
            and self.closed_until is not None
            and self.first_on is not None
            and self.first_on <= self.closed_until
        )


@dataclass(frozen=True, slots=True)
class _Acknowledged:
    sha256: str
    acknowledged_at: datetime | None


_DELIVERIES = """
SELECT e.id, e.number, e.format, e.file_name, e.sha256, e.voucher_count, e.total_vnd, e.exported_by, e.first_on,
       e.last_on, e.locked_until, s.books_locked_until AS closed_until, e.created_at, e.acknowledged_at,
       e.acknowledged_by
  FROM voucher_export e JOIN school s ON s.id = e.school_id
 WHERE e.school_id = $1
"""
# by the primary key (school_id, id)
AFTER = Query(
    Delivery,
    f"""{_DELIVERIES} AND e.id > $2 AND ($3::boolean IS NULL OR (e.acknowledged_at IS NOT NULL) = $3)
 ORDER BY e.id LIMIT $4
""",
)
NEWEST = Query(Delivery, f"{_DELIVERIES} ORDER BY e.id DESC LIMIT $2")
ONE = Query(Delivery, f"{_DELIVERIES} AND e.id = $2")

LOCK = Query(
    _Acknowledged,
    "SELECT sha256, acknowledged_at FROM voucher_export WHERE school_id = $1 AND id = $2 FOR UPDATE",
)
ACKNOWLEDGE = Command("""
UPDATE voucher_export SET acknowledged_at = now(), acknowledged_by = $3
 WHERE school_id = $1 AND id = $2
""")


async def deliveries(
    db: Driver,
    school_id: int,
    *,
    after_id: int = 0,
    is_acknowledged: bool | None = None,
    limit: int,
) -> tuple[Delivery, ...]:
    """Exports after `after_id`, oldest first; all, or only those acknowledged or not."""
    return tuple(await db.fetch(AFTER, school_id, after_id, is_acknowledged, limit))


async def newest_deliveries(db: Driver, school_id: int, limit: int) -> tuple[Delivery, ...]:
    """The last exports, the newest first."""
    return tuple(await db.fetch(NEWEST, school_id, limit))


async def delivery_of(db: Driver, school_id: int, export_id: int) -> Delivery:
    """One export. Raises UnknownExportError."""
    found = await db.fetch_one(ONE, school_id, export_id)
    if found is None:
        raise UnknownExportError
    return found


async def acknowledge(
    db: Driver, school_id: int, export_id: int, sha256: str, *, actor: str
) -> bool:
    """Note that `actor` has read an export whose file has this SHA-256; once noted it stays as it is.

    False where the file has another one: that is in the audit chain, and the caller commits it before
    it raises OtherContentError. Raises UnknownExportError.
    """
    export = await db.fetch_one(LOCK, school_id, export_id)
    if export is None:
        raise UnknownExportError
    is_same = export.sha256 == sha256.lower()
    if is_same and export.acknowledged_at is not None:
        return True
    if is_same:
        await db.execute(ACKNOWLEDGE, school_id, export_id, actor)
    await audit(
        db,
        school_id,
        actor=actor,
        action="vouchers.acknowledged" if is_same else "vouchers.acknowledgement_refused",
        subject=f"voucher_export:{export_id}",
        detail={"sha256": sha256.lower()},
    )
    return is_same
