"""Các cột của tệp: a file nobody knows, shown as it stands, and the accountant names what each column holds.

For a bank statement and for a provider's settlement file alike: the preview of an upload of kind
"statement" or "settlement" links to `/console/imports/<number>/columns`. What is kept are the words of
the header, per account; the next file with these headers reads by itself. Nothing of the file is
written here.
"""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from litestar import get, post

from adapters import settlements, statements
from adapters.contract import FileError
from adapters.tabular.cells import show
from adapters.tabular.guess import HeaderRow, guess, header_rows, likeliest
from adapters.tabular.workbook import Sheet, read_sheets
from core.kit.database import Driver, transaction
from core.kit.errors import DomainError
from core.uploads.service import Upload, find_upload
from gateway.console.errors import NoTableError, TableFileNotFoundError, UnreadableTableError
from gateway.console.frame.actions import refusals_shown_on
from gateway.console.frame.screen import Page, RowId, goto, screen
from gateway.console.frame.session import ConsoleRequest
from reconciliation.statements.imports import preview_statement
from reconciliation.statements.mappings import (
    ROLES,
    forget_mapping,
    read_settlement_by,
    save_mapping,
    saved_headers,
    settlement_layout,
    statement_layout,
)

PREVIEW_OF: Final[Mapping[str, str]] = {
    "statement": "/console/imports/{}",
    "settlement": "/console/settlements/files/{}",
}
"""Where an upload of each kind is looked at once its columns are known."""
SHOWN_ROWS: Final = 12
SHOWN_LINES: Final = 12
SHOWN_COLUMNS: Final = 20
NEEDED: Final[Mapping[str, frozenset[str]]] = {
    "statement": frozenset({"date", "content"}),
    "settlement": frozenset({"provider_transaction_id", "gross", "fee", "net"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnChoice:
    """What is chosen: the header row and, for each role, the header of its column ("" none)."""

    header: HeaderRow
    chosen: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementSample:
    """A settlement file as it would be read."""

    lines: int
    sample: tuple[settlements.SettlementLine, ...]
    unreadable: tuple[Any, ...]
    faults: tuple[Any, ...] = ()


@get("/imports/{upload_id:int}/columns", operation_id="console_columns")
async def show_columns(request: ConsoleRequest, upload_id: RowId) -> Page:
    """The first rows of a file, a guess at its columns or what was chosen, and the lines read by them."""
    upload, saved = await _find(request, upload_id)
    sheets: tuple[Sheet, ...] = ()
    rows: tuple[HeaderRow, ...] = ()
    try:
        sheets, rows = await to_thread(_table, upload)
    except DomainError as problem:
        request.problem = problem
    choice = await _choice(request, upload.kind, rows, saved)
    preview: object = None
    misread: DomainError | None = None
    if choice is not None:
        try:
            async with transaction(request.context.engine) as db:
                preview = await _preview(db, request.school_id, upload, choice.chosen)
        except DomainError as refusal:
            misread = refusal
    return screen(
        request,
        "columns.html",
        active="imports",
        misread=misread,
        upload=upload,
        form=choice,
        saved=saved,
        roles=[(role, role in NEEDED[upload.kind]) for role in ROLES[upload.kind]],
        candidates=[(_key(row), row) for row in rows],
        shown=_key(choice.header) if choice else "",
        grid=_grid(sheets[choice.header.sheet], choice.header) if choice else (),
        preview=preview,
        preview_at=PREVIEW_OF[upload.kind].format(upload.id),
    )


@post("/imports/{upload_id:int}/columns", operation_id="console_columns_save", status_code=303)
@refusals_shown_on(show_columns)
async def choose_columns(request: ConsoleRequest, upload_id: RowId) -> Page:
    """Look at the lines again under other columns, or keep what was chosen and go to the preview."""
    step = (await request.form()).get("step", "")
    if step in {"forget", "save"}:
        upload, saved = await _find(request, upload_id)
        page = PREVIEW_OF[upload.kind].format(upload_id)
        if step == "forget":
            async with transaction(request.context.engine) as db:
                await forget_mapping(db, request.school_id, actor=request.actor, **_account(upload))
            return goto(request, page, done="columns_forgotten")
        _, rows = await to_thread(_table, upload)
        if choice := await _choice(request, upload.kind, rows, saved):
            async with transaction(request.context.engine) as db:
                await save_mapping(
                    db,
                    request.school_id,
                    headers=choice.chosen,
                    data=upload.content,
                    file_name=upload.file_name,
                    actor=request.actor,
                    **_account(upload),
                )
            return goto(request, page, done="columns_saved")
    again: Page = await show_columns.fn(request, upload_id=upload_id)
    return again


async def _find(request: ConsoleRequest, upload_id: int) -> tuple[Upload, Mapping[str, str]]:
    """A file with columns, and the headers kept for its account. Raises TableFileNotFoundError."""
    async with transaction(request.context.engine) as db:
        upload = await find_upload(db, request.school_id, upload_id)
        if upload.kind not in PREVIEW_OF:
            raise TableFileNotFoundError
        return upload, await saved_headers(db, request.school_id, **_account(upload))


def _account(upload: Upload) -> dict[str, int]:
    """Whose files these columns are, as `reconciliation.statements.mappings` names it."""
    of = "bank_account_id" if upload.kind == "statement" else "merchant_account_id"
    return {of: int(upload.parameters[of])}


def _table(upload: Upload) -> tuple[tuple[Sheet, ...], tuple[HeaderRow, ...]]:
    """The sheets and the rows that may be headers. Call it in a thread.

    Raises UnreadableTableError, and NoTableError where there is no such row.
    """
    try:
        sheets = read_sheets(upload.content, upload.file_name)
    except FileError as error:
        raise UnreadableTableError(str(error.detail)) from error
    rows = header_rows(sheets)
    if not rows:
        raise NoTableError
    return sheets, rows


async def _choice(
    request: ConsoleRequest, kind: str, rows: Sequence[HeaderRow], saved: Mapping[str, str]
) -> ColumnChoice | None:
    """What the form holds: guessed anew where another row was made the header, or where nothing was sent."""
    fields = await request.form()
    header = next((row for row in rows if _key(row) == fields.get("header")), None)
    if header is None:
        return _first_choice(kind, rows, {} if fields else saved)
    if fields.get("header") != fields.get("shown"):
        return ColumnChoice(header=header, chosen=_guessed(kind, header))
    sent = {role: str(fields.get(role, "")) for role in ROLES[kind]}
    chosen = {role: text for role, text in sent.items() if text in header.names}
    return ColumnChoice(header=header, chosen=chosen)


def _first_choice(
    kind: str, rows: Sequence[HeaderRow], saved: Mapping[str, str]
) -> ColumnChoice | None:
    """What was kept before where the file has these headers, else a guess."""
    for row in rows:
        if saved and all(row.holds(text) == 1 for text in saved.values()):
            return ColumnChoice(header=row, chosen=saved)
    header = likeliest(rows, PHRASES[kind])
    return ColumnChoice(header=header, chosen=_guessed(kind, header)) if header else None


def _guessed(kind: str, header: HeaderRow) -> dict[str, str]:
    found = guess(header.names, PHRASES[kind])
    if "credit" in found:  # two columns hold what one signed column would
        found.pop("amount", None)
    return found


def _key(row: HeaderRow) -> str:
    return f"{row.sheet}.{row.row}.{row.height}"


def _grid(sheet: Sheet, header: HeaderRow) -> list[tuple[int, bool, list[str]]]:
    """Rows around the header as they stand: number, whether it is the header, texts of its cells."""
    at = next(i for i, row in enumerate(sheet.rows) if row.number == header.row)
    first = max(0, at - 3)
    return [
        (
            row.number,
            header.row <= row.number < header.row + header.height,
            [" ".join(show(cell).split())[:60] for cell in row.cells[:SHOWN_COLUMNS]],
        )
        for row in sheet.rows[first : first + SHOWN_ROWS]
    ]


async def _preview(db: Driver, school_id: int, upload: Upload, chosen: Mapping[str, str]) -> object:
    if upload.kind == "statement":
        return await preview_statement(
            db,
            school_id,
            int(upload.parameters["bank_account_id"]),
            upload.content,
            upload.file_name,
            layout=statement_layout(chosen),
        )
    read = await to_thread(
        read_settlement_by, settlement_layout(chosen, ""), upload.content, upload.file_name
    )
    return SettlementSample(
        lines=len(read.lines), sample=read.lines[:SHOWN_LINES], unreadable=read.unreadable
    )


def _phrases_of_settlements() -> dict[str, tuple[str, ...]]:
    """Every word that a known layout uses for a role, and what is usual besides."""
    usual = {
        "provider_transaction_id": ("ma giao dich", "ma gd", "transaction id", "trans id"),
        "merchant_reference": ("ma don hang", "order id", "order code", "ma tham chieu"),
        "fee": ("phi", "fee"),
        "vat": ("vat", "thue"),
        "net": ("net", "con lai", "thuc"),
        "gross": ("so tien", "gia tri", "amount", "gross"),
    }
    return {
        str(role): (
            *(
                phrase
                for layout in settlements.LAYOUTS.values()
                for phrase in layout.headers.get(role, ())
            ),
            *usual.get(str(role), ()),
        )
        for role in settlements.SettlementColumn
        if str(role) in ROLES["settlement"]
    }


def _phrases_of_statements() -> dict[str, tuple[str, ...]]:
    general = statements.LAYOUTS["generic"].headers
    role = statements.StatementColumn
    return {
        "credit": (*general[role.CREDIT], "thu vao", "co"),
        "debit": (*general[role.DEBIT], "chi ra", "no"),
        "balance": (*general[role.BALANCE], "so du", "con lai"),
        "date": (*general[role.DATE], "thoi gian", "time"),
        "transaction_id": (*general[role.TRANSACTION], "ma gd", "ref", "ma"),
        "content": (*general[role.CONTENT], "ghi chu", "memo", "detail"),
        "amount": ("so tien", "gia tri", "amount", "phat sinh"),
    }


PHRASES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "statement": _phrases_of_statements(),
    "settlement": _phrases_of_settlements(),
}
"""By what words a header is taken for a role's, until a person has looked."""
