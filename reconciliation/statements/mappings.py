"""What the columns of a school's own files are called: named once by the accountant, kept, and used again.

For a bank without a reader of its own, or a provider whose file differs from its documentation: the
accountant names the column of each role, by the text of the header and never by position. Kept per
bank account (statements) or merchant account (settlement files); a file with these headers then reads by
itself. Nothing must ever be kept that the file at hand does not bear out.
"""

from __future__ import annotations

import json
from asyncio import to_thread
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, overload

from adapters import settlements, statements
from adapters.contract import FileError
from adapters.tabular.cells import normalise_header
from adapters.tabular.guess import HeaderRow, header_rows
from adapters.tabular.workbook import read_sheets
from core.identity.audit import audit
from core.kit.database import Command, Driver, Query
from core.kit.errors import fault
from core.kit.texts import msg
from core.merchants.errors import BankAccountNotFoundError
from reconciliation.statements.errors import (
    HeadersNotFoundError,
    MerchantAccountNotFoundError,
    RoleTwiceError,
    UnknownRolesError,
    UnreadableByColumnsError,
)

_NO_COLUMNS: Final = frozenset({"provider", "kinds", "settled"})  # of a settlement's mapping
ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "statement": tuple(field.name for field in fields(statements.StatementMapping)),
    "settlement": tuple(
        field.name
        for field in fields(settlements.SettlementMapping)
        if field.name not in _NO_COLUMNS
    ),
}
"""What a column may be, by the kind of file."""


@dataclass(frozen=True, slots=True)
class SavedHeaders:
    """The header of each role, as kept for an account's files: "statement" or "settlement"."""

    kind: str
    headers: Mapping[str, str]


ADAPTER = Query(str, "SELECT adapter FROM merchant_account WHERE school_id = $1 AND id = $2")
HAS_BANK_ACCOUNT = Query(
    bool, "SELECT EXISTS (SELECT FROM bank_account WHERE school_id = $1 AND id = $2) AS is_known"
)
SAVED = Query(
    SavedHeaders,
    """
SELECT kind, headers FROM file_mapping
 WHERE school_id = $1
   AND bank_account_id IS NOT DISTINCT FROM $2 AND merchant_account_id IS NOT DISTINCT FROM $3
""",
)
SAVE = Command("""
INSERT INTO file_mapping (school_id, kind, bank_account_id, merchant_account_id, headers, made_by)
VALUES ($1, $2, $3, $4, $5::jsonb, $6)
ON CONFLICT (school_id, kind, bank_account_id, merchant_account_id)
DO UPDATE SET headers = excluded.headers, made_by = excluded.made_by
""")
FORGET = Query(
    SavedHeaders,
    """
DELETE FROM file_mapping
 WHERE school_id = $1
   AND bank_account_id IS NOT DISTINCT FROM $2 AND merchant_account_id IS NOT DISTINCT FROM $3
RETURNING kind, headers
""",
)


@overload
async def saved_layout(
    db: Driver, school_id: int, *, bank_account_id: int
) -> statements.StatementLayout | None: ...
@overload
async def saved_layout(
    db: Driver, school_id: int, *, merchant_account_id: int
) -> settlements.SettlementLayout | None: ...
async def saved_layout(
    db: Driver,
    school_id: int,
    *,
    bank_account_id: int | None = None,
    merchant_account_id: int | None = None,
) -> statements.StatementLayout | settlements.SettlementLayout | None:
    """The layout that was named for this account's files; None when nobody had to name one.

    Try it before the known layouts and let those read what it does not fit.
    """
    if merchant_account_id is None:
        headers = await saved_headers(db, school_id, bank_account_id=bank_account_id)
        return statement_layout(headers) if headers else None
    headers = await saved_headers(db, school_id, merchant_account_id=merchant_account_id)
    if not headers:
        return None
    provider = await _provider(db, school_id, merchant_account_id)
    return settlement_layout(headers, provider)


async def saved_headers(
    db: Driver,
    school_id: int,
    *,
    bank_account_id: int | None = None,
    merchant_account_id: int | None = None,
) -> Mapping[str, str]:
    """The header of each role as it was named for one account; empty when nobody had to."""
    saved = await db.fetch_one(SAVED, school_id, bank_account_id, merchant_account_id)
    return saved.headers if saved else {}


async def save_mapping(
    db: Driver,
    school_id: int,
    *,
    headers: Mapping[str, str],
    data: bytes,
    file_name: str,
    actor: str,
    bank_account_id: int | None = None,
    merchant_account_id: int | None = None,
) -> None:
    """Keep the headers that the accountant named for one account's files; `data` is the file at hand.

    Raises BankAccountNotFoundError or MerchantAccountNotFoundError; UnknownRolesError or RoleTwiceError when a
    role or header is wrong; HeadersNotFoundError or UnreadableByColumnsError when they are not the file's.
    """
    named = {role: " ".join(text.split()) for role, text in headers.items() if text.strip()}
    await to_thread(check_headers, named, data, file_name)
    if merchant_account_id is not None:
        kind, account_id = "settlement", merchant_account_id
        provider = await _provider(db, school_id, merchant_account_id)
        await to_thread(read_settlement_by, settlement_layout(named, provider), data, file_name)
    else:
        kind, account_id = "statement", bank_account_id or 0
        if not await db.fetch_only(HAS_BANK_ACCOUNT, school_id, account_id):
            raise BankAccountNotFoundError
        await to_thread(read_statement_by, statement_layout(named), data, file_name)
    before = await saved_headers(
        db, school_id, bank_account_id=bank_account_id, merchant_account_id=merchant_account_id
    )
    await db.execute(
        SAVE,
        school_id,
        kind,
        bank_account_id,
        merchant_account_id,
        json.dumps(named, ensure_ascii=False),
        actor,
    )
    of = "bank_account" if kind == "statement" else "merchant_account"
    await audit(
        db,
        school_id,
        actor=actor,
        action="file_mapping.saved",
        subject=f"{of}:{account_id}",
        detail={"kind": kind, "before": _as_list(before), "after": _as_list(named)},
    )


async def forget_mapping(
    db: Driver,
    school_id: int,
    *,
    actor: str,
    bank_account_id: int | None = None,
    merchant_account_id: int | None = None,
) -> None:
    """Let the known layouts read this account's files again; nothing happens where nothing was named."""
    forgotten = await db.fetch_one(FORGET, school_id, bank_account_id, merchant_account_id)
    if forgotten is None:
        return
    of = "bank_account" if merchant_account_id is None else "merchant_account"
    await audit(
        db,
        school_id,
        actor=actor,
        action="file_mapping.forgotten",
        subject=f"{of}:{bank_account_id or merchant_account_id}",
        detail={"kind": forgotten.kind, "before": _as_list(forgotten.headers), "after": []},
    )


def statement_layout(headers: Mapping[str, str]) -> statements.StatementLayout:
    """A statement's layout out of role -> header. Raises UnknownRolesError, RoleTwiceError or
    UnreadableByColumnsError.
    """
    _check_roles("statement", headers)
    try:
        return statements.mapped(
            statements.StatementMapping(**{"date": "", "content": "", **headers})
        )
    except FileError as error:
        raise UnreadableByColumnsError.unreadable(error) from error


def settlement_layout(headers: Mapping[str, str], provider: str) -> settlements.SettlementLayout:
    """A settlement file's layout out of role -> header. Raises UnknownRolesError, RoleTwiceError or
    UnreadableByColumnsError.
    """
    _check_roles("settlement", headers)
    columns: dict[str, Any] = {
        **dict.fromkeys(("provider_transaction_id", "gross", "fee", "net"), ""),
        **headers,
        "provider": provider,
    }
    try:
        return settlements.mapped(settlements.SettlementMapping(**columns))
    except FileError as error:
        raise UnreadableByColumnsError.unreadable(error) from error


def read_statement_by(layout: statements.StatementLayout, data: bytes, file_name: str) -> None:
    """Make sure that a file reads by a layout. Raises UnreadableByColumnsError with the reader's reason."""
    try:
        statements.read_statements(data, file_name, layout)
    except FileError as error:
        raise UnreadableByColumnsError.unreadable(error) from error


def read_settlement_by(
    layout: settlements.SettlementLayout, data: bytes, file_name: str
) -> settlements.Settlement:
    """Read a settlement file by a layout. Raises UnreadableByColumnsError with the reader's reason."""
    try:
        return settlements.read_settlement(data, file_name, layout)
    except FileError as error:
        raise UnreadableByColumnsError.unreadable(error) from error


def check_headers(headers: Mapping[str, str], data: bytes, file_name: str) -> None:
    """Make sure that one row of the file bears every header, each once.

    Raises HeadersNotFoundError with a fault for each role ("header_missing" or "header_twice"), or
    UnreadableByColumnsError when the file is no table.
    """
    try:
        rows = header_rows(read_sheets(data, file_name))
    except FileError as error:
        raise UnreadableByColumnsError.unreadable(error) from error
    if any(all(row.holds(text) == 1 for text in headers.values()) for row in rows):
        return
    nearest = max(
        rows or (HeaderRow(sheet=0, row=0, height=1, names=()),),
        key=lambda row: sum(row.holds(text) > 0 for text in headers.values()),
    )
    counts = {role: nearest.holds(text) for role, text in headers.items()}
    faults = tuple(
        fault(
            "header_twice" if counts[role] else "header_missing",
            msg("Hai cột của tệp có tiêu đề này: hãy sửa một tiêu đề trong tệp.")
            if counts[role]
            else msg("Không có tiêu đề này trong dòng tiêu đề của tệp."),
            row=nearest.row,
            column=role,
            value=text[:80],
        )
        for role, text in headers.items()
        if counts[role] != 1
    )
    raise HeadersNotFoundError(faults[0].code, faults)


def _as_list(headers: Mapping[str, str]) -> list[str]:
    return [f"{role}={text}" for role, text in sorted(headers.items())]


def _check_roles(kind: str, headers: Mapping[str, str]) -> None:
    unknown = sorted(headers.keys() - set(ROLES[kind]))
    if unknown:
        raise UnknownRolesError(roles=", ".join(unknown)[:80])
    named = [normalise_header(text) for text in headers.values()]
    if len(set(named)) < len(named) or "" in named:
        raise RoleTwiceError


async def _provider(db: Driver, school_id: int, merchant_account_id: int) -> str:
    adapter = await db.fetch_value(ADAPTER, school_id, merchant_account_id)
    if adapter is None:
        raise MerchantAccountNotFoundError
    return adapter
