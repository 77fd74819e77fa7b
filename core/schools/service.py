"""A school: checked before it is written, its books opened with it, so that money can arrive from the first minute.

It must never write a school without its books, nor change one without its lock.
"""

from __future__ import annotations

import re

from core.kit.database import Driver, Query
from core.ledger.service import open_books
from core.schools.errors import (
    BadAccountingRegimeError,
    BadSchoolCodeError,
    BadTextError,
    SchoolExistsError,
    SchoolNotFoundError,
)

_CODE = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,31}")
_REGIME = re.compile(r"TT[0-9]{1,3}/[0-9]{4}")

# $1 code, $2 name, $3 address, $4 province, $5 accounting regime; no row where the code is taken
CREATE = Query(
    int,
    """
INSERT INTO school (code, name, address, province, accounting_regime)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT (code) DO NOTHING RETURNING id
""",
)
LOCK = Query(bool, "SELECT true FROM school WHERE id = $1 FOR UPDATE")


def tidy_text(column: str, value: str, *, limit: int = 300, needed: bool = True) -> str:
    """`value` with its white space tidied. Raises BadTextError when it is missing or too long."""
    tidy = " ".join("".join(c if c.isprintable() else " " for c in value).split())
    if (needed and not tidy) or len(tidy) > limit:
        raise BadTextError(column, tidy[:40], limit)
    return tidy


async def create_school(
    db: Driver, *, code: str, name: str, address: str, province: str, accounting_regime: str
) -> int:
    """Write a school and open its books; returns its id.

    `accounting_regime` is a key of the dated charts, e.g. "TT24/2024". Raises BadSchoolCodeError,
    BadAccountingRegimeError and BadTextError for a bad value, SchoolExistsError when the code is taken.
    """
    if not _CODE.fullmatch(code):
        raise BadSchoolCodeError("code", code[:40])
    if not _REGIME.fullmatch(accounting_regime):
        raise BadAccountingRegimeError("accounting_regime", accounting_regime[:40])
    school_id = await db.fetch_value(
        CREATE,
        code,
        tidy_text("name", name),
        tidy_text("address", address, needed=False),
        tidy_text("province", province, limit=100, needed=False),
        accounting_regime,
    )
    if school_id is None:
        raise SchoolExistsError(code)
    await open_books(db, school_id)
    return school_id


async def lock_school(db: Driver, school_id: int) -> None:
    """One change of a school's accounts at a time. Raises SchoolNotFoundError."""
    if await db.fetch_value(LOCK, school_id) is None:
        raise SchoolNotFoundError
