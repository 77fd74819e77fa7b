"""Exports of vouchers: each transfer once per format, each file numbered, kept and handed out unchanged.

An export is never made again: what is booked later, or reversed, is in a later one. Opening balances
are not vouchers: the accountant's own books have theirs.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from core.accounting.errors import UnknownExportError, UnknownExportFormatError
from core.accounting.journal import write_csv, write_xlsx
from core.accounting.json_vouchers import write_json
from core.accounting.misa import write_general, write_receipts
from core.accounting.overrides import overrides_of
from core.accounting.vouchers import VoucherLine, VoucherTransfer, make_vouchers
from core.identity.audit import audit
from core.kit.database import Driver, Query
from core.schools.errors import SchoolNotFoundError

MAX_JOURNALS = 100_000
"""Journals in one file at most; the next export goes on from there."""
MAX_PULLED = 10_000
"""The same for what a program pulls: it asks again for the next."""


JSON = "json"
"""The format that the school's own software pulls through the API."""


class VoucherPart(StrEnum):
    """Which transfers a format holds. RECEIPTS and GENERAL together hold each exactly once."""

    RECEIPTS = "receipts"  # whatever brought a bank account money, corrections apart
    GENERAL = "general"  # everything that is no bank receipt
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A kind of export. `prefix`: how its voucher numbers begin; `most`: journals in one at most."""

    name: str
    extension: str
    prefix: str
    part: VoucherPart
    write: Callable[[Sequence[VoucherLine]], bytes]
    most: int


FORMATS = MappingProxyType(
    {
        name: Format(
            name=name, extension=extension, prefix=prefix, part=part, write=write, most=most
        )
        for name, extension, prefix, part, write, most in (
            ("misa-receipts", "xlsx", "NTTK", VoucherPart.RECEIPTS, write_receipts, MAX_JOURNALS),
            ("misa-general", "xlsx", "NVK", VoucherPart.GENERAL, write_general, MAX_JOURNALS),
            ("journal-csv", "csv", "NKC", VoucherPart.ALL, write_csv, MAX_JOURNALS),
            # a book of its own: the same transfer has another number here than in the CSV
            ("journal-xlsx", "xlsx", "NKX", VoucherPart.ALL, write_xlsx, MAX_JOURNALS),
            (JSON, "json", "NKJ", VoucherPart.ALL, write_json, MAX_PULLED),
        )
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherFile:
    """An export as it was made. `total_vnd`: the sum of its lines."""

    id: int
    number: int
    file_name: str
    content: bytes
    voucher_count: int
    total_vnd: int


@dataclass(frozen=True, slots=True)
class ExportingSchool:
    """A school whose vouchers are exported. `books_locked_until`: its last closed day."""

    accounting_regime: str
    books_locked_until: date | None


@dataclass(frozen=True, slots=True)
class LastSerial:
    """The last serial that vouchers of a year were given."""

    year: int
    serial: int


# Money whose amount nobody signed, until a statement or another channel confirms it.
UNCONFIRMED = """
EXISTS (SELECT FROM payment p
         WHERE p.school_id = t.school_id AND p.id = t.payment_id AND p.is_provisional
           AND NOT EXISTS (SELECT FROM match m
                            WHERE m.school_id = p.school_id AND m.payment_id = p.id)
           AND NOT EXISTS (SELECT FROM notice n
                            WHERE n.school_id = p.school_id AND n.confirms_payment_id = p.id
                              AND NOT n.is_provisional))
"""

# Journals are exported whole: a journal is written at once and never grows.
UNEXPORTED = Query(
    VoucherTransfer,
    f"""
WITH eligible AS (
  SELECT t.id, t.journal_id, t.kind, t.amount_vnd, t.business_date, t.student_id, t.invoice_id, t.memo,
         d.kind AS debit_kind, c.kind AS credit_kind,
         coalesce(d.bank_account_id, c.bank_account_id) AS bank_account_id,
         coalesce(c.fee_item_id, d.fee_item_id) AS fee_item_id
    FROM transfer t
    JOIN ledger_account d ON d.school_id = t.school_id AND d.id = t.debit_account_id
    JOIN ledger_account c ON c.school_id = t.school_id AND c.id = t.credit_account_id
   WHERE t.school_id = $1 AND 'opening' NOT IN (d.kind, c.kind)
     AND NOT {UNCONFIRMED}
     AND ($3 = 'all' OR (d.kind = 'bank' AND t.kind <> 'reversal') = ($3 = 'receipts'))
     AND NOT EXISTS (SELECT FROM voucher v
                      WHERE v.school_id = t.school_id AND v.format = $2 AND v.transfer_id = t.id)
), chosen AS (
  SELECT DISTINCT business_date, journal_id FROM eligible ORDER BY business_date, journal_id LIMIT $4
)
SELECT e.id AS transfer_id, e.journal_id, e.kind, e.debit_kind, e.credit_kind, e.amount_vnd, e.business_date,
       coalesce(s.code, '') AS student_code, coalesce(s.full_name, '') AS student_name,
       coalesce(i.reference, '') AS reference, coalesce(f.name, '') AS fee_item,
       coalesce(b.number, '') AS bank_number, coalesce(b.bin, '') AS bank_bin, e.memo
  FROM eligible e
  JOIN chosen USING (business_date, journal_id)
  LEFT JOIN student s ON s.school_id = $1 AND s.id = e.student_id
  LEFT JOIN invoice i ON i.school_id = $1 AND i.id = e.invoice_id
  LEFT JOIN fee_item f ON f.school_id = $1 AND f.id = e.fee_item_id
  LEFT JOIN bank_account b ON b.school_id = $1 AND b.id = e.bank_account_id
""",  # noqa: S608 - composed of constants of the tree
)

# one export of a school at a time, or two would hold the same transfers
LOCK_SCHOOL = Query(
    ExportingSchool,
    "SELECT accounting_regime, books_locked_until FROM school WHERE id = $1 FOR NO KEY UPDATE",
)

FILE = Query(
    VoucherFile,
    """
SELECT id, number, file_name, content, voucher_count, total_vnd
  FROM voucher_export WHERE school_id = $1 AND id = $2
""",
)

# a number ends in /yy
LAST_SERIALS = Query(
    LastSerial,
    """
SELECT 2000 + right(voucher_no, 2)::int AS year,
       max(substring(voucher_no FROM '([0-9]+)/')::int) AS serial
  FROM voucher WHERE school_id = $1 AND format = $2 GROUP BY 1
""",
)

# under the school's lock, so that numbers run on
NEXT_NUMBER = Query(
    int,
    """
SELECT coalesce(max(number), 0) + 1 AS number FROM voucher_export WHERE school_id = $1 AND format = $2
""",
)

KEEP = Query(
    int,
    """
INSERT INTO voucher_export (school_id, number, format, file_name, content, sha256, voucher_count,
                            total_vnd, exported_by, first_on, last_on, locked_until)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id
""",
)
VOUCHER_COLUMNS = ("school_id", "format", "transfer_id", "voucher_export_id", "voucher_no")


async def export_vouchers(
    db: Driver,
    school_id: int,
    format: str,  # noqa: A002 - the word of the command and of the table
    *,
    actor: str,
) -> VoucherFile | None:
    """Export what no export of this format holds yet; None when there is nothing.

    Raises UnknownExportFormatError, SchoolNotFoundError, NoChartError when no chart of accounts covers a
    voucher's date.
    """
    chosen = FORMATS.get(format)
    if chosen is None:
        raise UnknownExportFormatError(formats=tuple(FORMATS))
    school = await db.fetch_one(LOCK_SCHOOL, school_id)
    if school is None:
        raise SchoolNotFoundError
    booked = await db.fetch(UNEXPORTED, school_id, format, chosen.part, chosen.most)
    if not booked:
        return None
    serials = await db.fetch(LAST_SERIALS, school_id, format)
    lines = make_vouchers(
        booked,
        regime=school.accounting_regime,
        overrides=await overrides_of(db, school_id),
        prefix=chosen.prefix,
        last_serials={one.year: one.serial for one in serials},
    )
    made = await _keep(db, school_id, chosen, lines, actor, school.books_locked_until)
    await audit(
        db,
        school_id,
        actor=actor,
        action="vouchers.exported",
        subject=f"voucher_export:{made.id}",
        detail={"format": format, "number": made.number, "vouchers": made.voucher_count},
    )
    return made


async def download(db: Driver, school_id: int, export_id: int) -> VoucherFile:
    """An export as it was made, byte for byte. Raises UnknownExportError."""
    found = await db.fetch_one(FILE, school_id, export_id)
    if found is None:
        raise UnknownExportError
    return found


async def _keep(
    db: Driver,
    school_id: int,
    chosen: Format,
    lines: Sequence[VoucherLine],
    actor: str,
    locked_until: date | None,
) -> VoucherFile:
    """Write the file, and which transfer it holds under which number."""
    number = await db.fetch_only(NEXT_NUMBER, school_id, chosen.name)
    # off the loop: a large sheet takes seconds, and payments go on arriving meanwhile
    content = await asyncio.to_thread(chosen.write, lines)
    file_name = f"hocphi-{chosen.name}-{number:04d}.{chosen.extension}"
    voucher_count = len({line.voucher_no for line in lines})
    total_vnd = sum(line.amount_vnd for line in lines)
    export_id = await db.fetch_only(
        KEEP,
        school_id,
        number,
        chosen.name,
        file_name,
        content,
        hashlib.sha256(content).hexdigest(),
        voucher_count,
        total_vnd,
        actor,
        min(line.on for line in lines),
        max(line.on for line in lines),
        locked_until,
    )
    written = await db.copy_in(
        "voucher",
        VOUCHER_COLUMNS,
        ((school_id, chosen.name, line.transfer_id, export_id, line.voucher_no) for line in lines),
    )
    assert written == len(lines), "each transfer is exported once"
    return VoucherFile(
        id=export_id,
        number=number,
        file_name=file_name,
        content=content,
        voucher_count=voucher_count,
        total_vnd=total_vnd,
    )
