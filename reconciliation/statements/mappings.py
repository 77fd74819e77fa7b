"""What the columns of a school's own files are called: said once by the accountant, kept, and used again.

A bank without a reader of its own, or a provider whose file looks otherwise than we were told: the
accountant names the column of each role, by the words of the header and never by position. Kept per
bank account (statements) or merchant account (settlement files); a file with these headers then reads by
itself. Nothing is kept that the file at hand does not bear out.
"""

from __future__ import annotations

import json
from asyncio import to_thread
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final, overload

from adapters import settlements, statements
from adapters.contract import FileError
from adapters.tabular.columns import HeaderRow, header_rows
from adapters.tabular.spreadsheet import normalise_header, read_sheets
from core.identity.audit import audit
from core.kit.database import Driver
from core.kit.errors import DomainError, Problem, not_found
from core.kit.faults import Fault

_SPOKEN: Final = frozenset({"provider", "kinds", "settled"})  # of a settlement, but no columns
ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "statement": tuple(field.name for field in fields(statements.Mapping)),
    "settlement": tuple(
        field.name for field in fields(settlements.Mapping) if field.name not in _SPOKEN
    ),
}
"""What a column may be, by the kind of file."""


@overload
async def saved_layout(
    db: Driver, school_id: int, *, bank_account_id: int
) -> statements.Layout | None: ...
@overload
async def saved_layout(
    db: Driver, school_id: int, *, merchant_account_id: int
) -> settlements.Layout | None: ...
async def saved_layout(
    db: Driver,
    school_id: int,
    *,
    bank_account_id: int | None = None,
    merchant_account_id: int | None = None,
) -> statements.Layout | settlements.Layout | None:
    """The layout that was said for this account's files; None when nobody had to say one.

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
) -> dict[str, str]:
    """The header of each role as it was said for one account; empty when nobody had to."""
    row = await db.raw.fetchval(
        "SELECT headers::text FROM file_mapping WHERE school_id = $1"
        " AND bank_account_id IS NOT DISTINCT FROM $2 AND merchant_account_id IS NOT DISTINCT FROM $3",
        school_id,
        bank_account_id,
        merchant_account_id,
    )
    return json.loads(row) if row else {}


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
    """Keep what the accountant said of one account's files; `data` is the file at hand.

    Raises Problem: 404 for an unknown account, 422 when a role or header is wrong ("bad_mapping") or the
    file is none of these headers' ("header_missing", "header_twice", or why it cannot be read).
    """
    said = {role: " ".join(text.split()) for role, text in headers.items() if text.strip()}
    await to_thread(check_headers, said, data, file_name)
    if merchant_account_id is not None:
        kind, account_id = "settlement", merchant_account_id
        provider = await _provider(db, school_id, merchant_account_id)
        await to_thread(read_settlement_by, settlement_layout(said, provider), data, file_name)
    else:
        kind, account_id = "statement", bank_account_id or 0
        known = "SELECT FROM bank_account WHERE school_id = $1 AND id = $2"
        if await db.raw.fetchrow(known, school_id, account_id) is None:
            raise not_found("tài khoản ngân hàng này của trường", "bank account of the school")
        await to_thread(read_statement_by, statement_layout(said), data, file_name)
    before = await saved_headers(
        db, school_id, bank_account_id=bank_account_id, merchant_account_id=merchant_account_id
    )
    await db.raw.execute(
        """
        INSERT INTO file_mapping (school_id, kind, bank_account_id, merchant_account_id, headers, made_by)
        VALUES ($1, $2, $3, $4, $5::jsonb, $6)
        ON CONFLICT ON CONSTRAINT uq_file_mapping_of
        DO UPDATE SET headers = EXCLUDED.headers, made_by = EXCLUDED.made_by
        """,
        school_id,
        kind,
        bank_account_id,
        merchant_account_id,
        json.dumps(said, ensure_ascii=False),
        actor,
    )
    of = "bank_account" if kind == "statement" else "merchant_account"
    await audit(
        db,
        school_id,
        actor=actor,
        action="file_mapping.saved",
        subject=f"{of}:{account_id}",
        detail={"kind": kind, "before": _spelled(before), "after": _spelled(said)},
    )


async def forget_mapping(
    db: Driver,
    school_id: int,
    *,
    actor: str,
    bank_account_id: int | None = None,
    merchant_account_id: int | None = None,
) -> None:
    """Let the known layouts read this account's files again; nothing happens where nothing was said."""
    row = await db.raw.fetchrow(
        "DELETE FROM file_mapping WHERE school_id = $1 AND bank_account_id IS NOT DISTINCT FROM $2"
        " AND merchant_account_id IS NOT DISTINCT FROM $3 RETURNING kind, headers::text AS headers",
        school_id,
        bank_account_id,
        merchant_account_id,
    )
    if row is not None:
        of = "bank_account" if merchant_account_id is None else "merchant_account"
        await audit(
            db,
            school_id,
            actor=actor,
            action="file_mapping.forgotten",
            subject=f"{of}:{bank_account_id or merchant_account_id}",
            detail={
                "kind": row["kind"],
                "before": _spelled(json.loads(row["headers"])),
                "after": [],
            },
        )


def statement_layout(headers: Mapping[str, str]) -> statements.Layout:
    """A statement's layout out of role -> header. Raises Problem 422 "bad_mapping"."""
    _check_roles("statement", headers)
    try:
        return statements.mapped(statements.Mapping(**{"date": "", "content": "", **headers}))
    except FileError as error:
        raise _refusal(error) from error


def settlement_layout(headers: Mapping[str, str], provider: str) -> settlements.Layout:
    """A settlement file's layout out of role -> header. Raises Problem 422 "bad_mapping"."""
    _check_roles("settlement", headers)
    columns: dict[str, Any] = {
        **dict.fromkeys(("provider_transaction_id", "gross", "fee", "net"), ""),
        **headers,
        "provider": provider,
    }
    try:
        return settlements.mapped(settlements.Mapping(**columns))
    except FileError as error:
        raise _refusal(error) from error


def read_statement_by(layout: statements.Layout, data: bytes, file_name: str) -> None:
    """Make sure that a file reads by a layout. Raises Problem 422 with the reader's reason."""
    try:
        statements.read_statements(data, file_name, layout)
    except FileError as error:
        raise _refusal(error) from error


def read_settlement_by(
    layout: settlements.Layout, data: bytes, file_name: str
) -> settlements.Settlement:
    """Read a settlement file by a layout. Raises Problem 422 with the reader's reason."""
    try:
        return settlements.read_settlement(data, file_name, layout)
    except FileError as error:
        raise _refusal(error) from error


def check_headers(headers: Mapping[str, str], data: bytes, file_name: str) -> None:
    """Make sure that one row of the file bears every header, each once.

    Raises Problem 422: "header_missing" or "header_twice" with a fault for each role, or why the file
    is no table.
    """
    try:
        rows = header_rows(read_sheets(data, file_name))
    except FileError as error:
        raise _refusal(error) from error
    if any(all(row.holds(text) == 1 for text in headers.values()) for row in rows):
        return
    nearest = max(
        rows or (HeaderRow(sheet=0, row=0, height=1, names=()),),
        key=lambda row: sum(row.holds(text) > 0 for text in headers.values()),
    )
    counts = {role: nearest.holds(text) for role, text in headers.items()}
    faults = tuple(
        Fault(
            code="header_twice" if counts[role] else "header_missing",
            vi="Hai cột của tệp có tiêu đề này: hãy sửa một tiêu đề trong tệp."
            if counts[role]
            else "Không có tiêu đề này trong dòng tiêu đề của tệp.",
            en="Two columns of the file bear this header: rename one in the file."
            if counts[role]
            else "The header row of the file does not have this header.",
            row=nearest.row,
            column=role,
            value=text[:80],
        )
        for role, text in headers.items()
        if counts[role] != 1
    )
    raise Problem(
        faults[0].code,
        vi="Tệp này không có dòng tiêu đề với đúng các tên đã chọn.",
        en="No row of this file bears the headers that were named, each of them once.",
        status=422,
        faults=faults,
    )


def _spelled(headers: Mapping[str, str]) -> list[str]:
    return [f"{role}={text}" for role, text in sorted(headers.items())]


def _check_roles(kind: str, headers: Mapping[str, str]) -> None:
    unknown = sorted(headers.keys() - set(ROLES[kind]))
    if unknown:
        raise Problem(
            "bad_mapping",
            vi=f"Không có vai trò cột: {', '.join(unknown)[:80]}.",
            en=f"No column has the role: {', '.join(unknown)[:80]}.",
            status=422,
        )
    named = [normalise_header(text) for text in headers.values()]
    if len(set(named)) < len(named) or "" in named:
        raise Problem(
            "bad_mapping",
            vi="Mỗi cột chỉ giữ một vai trò.",
            en="A column has one role only.",
            status=422,
        )


def _refusal(error: FileError) -> DomainError:
    return Problem(
        error.code,
        vi=f"{error.detail}.",
        en=f"The file does not read by these columns ({error.code}).",
        status=422,
    )


async def _provider(db: Driver, school_id: int, merchant_account_id: int) -> str:
    adapter: str | None = await db.raw.fetchval(
        "SELECT adapter FROM merchant_account WHERE school_id = $1 AND id = $2",
        school_id,
        merchant_account_id,
    )
    if adapter is None:
        raise not_found("tài khoản kết nối này của trường", "merchant account of the school")
    return adapter
