"""A school: checked before it is written, its books opened with it, so that money can arrive from the first minute."""

from __future__ import annotations

import re

from core.kit.database import Driver
from core.kit.errors import DomainError, Problem, not_found
from core.kit.faults import Fault
from core.ledger.service import open_books

_CODE = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,31}")
_REGIME = re.compile(r"TT[0-9]{1,3}/[0-9]{4}")


def refused(code: str, column: str, value: str, vi: str, en: str) -> DomainError:
    fault = Fault(code=code, vi=vi, en=en, column=column, value=value)
    return Problem(code, vi=vi, en=en, status=422, faults=(fault,))


def tidy_text(column: str, value: str, *, limit: int = 300, needed: bool = True) -> str:
    """`value` with its white space tidied. Raises Problem when it is missing or too long."""
    tidy = " ".join("".join(c if c.isprintable() else " " for c in value).split())
    if (needed and not tidy) or len(tidy) > limit:
        raise refused(
            "bad_text",
            column,
            tidy[:40],
            f"«{column}» cần từ 1 đến {limit} ký tự.",
            f"{column} needs 1 to {limit} characters.",
        )
    return tidy


async def create_school(
    db: Driver, *, code: str, name: str, address: str, province: str, accounting_regime: str
) -> int:
    """Write a school and open its books; returns its id.

    `accounting_regime` is a key of the dated charts, e.g. "TT24/2024". Raises Problem: 422 for a bad
    value, 409 when the code is taken.
    """
    if not _CODE.fullmatch(code):
        raise refused(
            "bad_school_code",
            "code",
            code[:40],
            "Mã trường gồm 1-32 chữ cái không dấu, chữ số, dấu - hoặc _.",
            "A school's code has 1-32 unaccented letters, digits, - or _.",
        )
    if not _REGIME.fullmatch(accounting_regime):
        raise refused(
            "bad_accounting_regime",
            "accounting_regime",
            accounting_regime[:40],
            "Chế độ kế toán ghi như TT24/2024.",
            "The accounting regime is written like TT24/2024.",
        )
    school_id: int | None = await db.raw.fetchval(
        "INSERT INTO school (code, name, address, province, accounting_regime)"
        " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (code) DO NOTHING RETURNING id",
        code,
        tidy_text("name", name),
        tidy_text("address", address, needed=False),
        tidy_text("province", province, limit=100, needed=False),
        accounting_regime,
    )
    if school_id is None:
        raise Problem(
            "school_exists",
            vi=f"Đã có trường mang mã {code}.",
            en=f"There is a school with code {code} already.",
            status=409,
        )
    await open_books(db, school_id)
    return school_id


async def lock_school(db: Driver, school_id: int) -> None:
    """One change of a school's accounts at a time. Raises Problem (404)."""
    if not await db.raw.fetchval("SELECT true FROM school WHERE id = $1 FOR UPDATE", school_id):
        raise not_found("trường này", "school")
