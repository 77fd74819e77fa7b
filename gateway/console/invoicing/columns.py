"""Các cột của tệp: a file nobody knows, shown as it stands, and the accountant says which column is what.

For a bank statement and for a provider's settlement file alike: whoever holds an uploaded file
(`batches.hold_file`) of kind "statement" or "settlement" links to `/console/imports/<number>/columns`.
What is kept are the words of the header, per account; the next file with these headers reads by itself.
Nothing of the file is written here.
"""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency

from adapters import settlements, statements
from adapters.contract import FileError
from adapters.tabular.cells import show
from adapters.tabular.guess import HeaderRow, guess, header_rows, likeliest
from adapters.tabular.workbook import Sheet, read_sheets
from core.kit.database import Driver, transaction
from core.kit.errors import DomainError, Problem, not_found
from gateway.console.frame.screen import HttpRequest, RowId, Staff, goto, screen
from gateway.console.frame.uploads import Batch, held_file
from gateway.context import AppContext
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
"""Where a held file of each kind is looked at once its columns are known."""
SHOWN_ROWS: Final = 12
SHOWN_LINES: Final = 12
SHOWN_COLUMNS: Final = 20
NEEDED: Final[Mapping[str, frozenset[str]]] = {
    "statement": frozenset({"date", "content"}),
    "settlement": frozenset({"provider_transaction_id", "gross", "fee", "net"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """What is chosen: the header row and, for each role, the header of its column ("" none)."""

    header: HeaderRow
    chosen: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _SettlementPreview:
    """A settlement file as it would be read."""

    lines: int
    sample: tuple[settlements.SettlementLine, ...]
    unreadable: tuple[Any, ...]
    faults: tuple[Any, ...] = ()


@get("/imports/{batch_id:int}/columns", operation_id="console_columns")
async def show_columns(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    batch_id: RowId,
) -> Response[Any]:
    """The first rows of a file, a guess at its columns, and the lines that this guess would read."""
    async with transaction(context.engine) as db:
        batch = await _table_held(db, staff, batch_id)
        saved = await saved_headers(db, staff.school_id, **_account(batch))
    sheets, rows, problem = await to_thread(_table, batch)
    form = _opened(batch.kind, rows, saved)
    return await _columns_screen(
        request, context, staff, batch, sheets, rows, form, saved=saved, problem=problem
    )


@post("/imports/{batch_id:int}/columns", operation_id="console_columns_save", status_code=303)
async def choose_columns(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    batch_id: RowId,
) -> Response[Any]:
    """Look at the lines again under other columns, or keep what was said and go to the preview."""
    fields = await request.form()
    step = str(fields.get("step", ""))
    async with transaction(context.engine) as db:
        batch = await _table_held(db, staff, batch_id)
        saved = await saved_headers(db, staff.school_id, **_account(batch))
        if step == "forget":
            await forget_mapping(db, staff.school_id, actor=staff.actor, **_account(batch))
            return goto(request, PREVIEW_OF[batch.kind].format(batch_id), done="columns_forgotten")
    sheets, rows, problem = await to_thread(_table, batch)
    form = _said(batch.kind, rows, {name: str(value) for name, value in fields.items()})
    if step == "save" and form and not problem:
        try:
            async with transaction(context.engine) as db:
                await save_mapping(
                    db,
                    staff.school_id,
                    headers=form.chosen,
                    data=batch.content,
                    file_name=batch.file_name,
                    actor=staff.actor,
                    **_account(batch),
                )
            return goto(request, PREVIEW_OF[batch.kind].format(batch_id), done="columns_saved")
        except DomainError as refusal:
            problem = refusal
    return await _columns_screen(
        request, context, staff, batch, sheets, rows, form, saved=saved, problem=problem
    )


async def _table_held(db: Driver, staff: Staff, batch_id: int) -> Batch:
    batch = await held_file(db, staff.school_id, batch_id)
    if batch.kind not in PREVIEW_OF:
        raise not_found("tệp sao kê hoặc đối soát này", "statement or settlement file")
    return batch


def _account(batch: Batch) -> dict[str, int]:
    """Whose files these columns are, as `reconciliation.statements.mappings` names it."""
    of = "bank_account_id" if batch.kind == "statement" else "merchant_account_id"
    return {of: int(batch.parameters[of])}


def _table(batch: Batch) -> tuple[tuple[Sheet, ...], tuple[HeaderRow, ...], DomainError | None]:
    """The sheets, the rows that may be headers, and why there are none. Call it in a thread."""
    try:
        sheets = read_sheets(batch.content, batch.file_name)
    except FileError as error:
        return (), (), _no_table(f"{error.detail}.")
    rows = header_rows(sheets)
    if not rows:
        return sheets, (), _no_table("Tệp này không phải một bảng có tiêu đề cột.")
    return sheets, rows, None


def _no_table(vi: str) -> DomainError:
    return Problem(
        "no_table", vi=vi, en="This file is no table with headers over its columns.", status=422
    )


def _opened(kind: str, rows: Sequence[HeaderRow], saved: Mapping[str, str]) -> _Form | None:
    """What the form shows at first: what was said before where the file bears it, else a guess."""
    for row in rows:
        if saved and all(row.holds(text) == 1 for text in saved.values()):
            return _Form(header=row, chosen=dict(saved))
    header = likeliest(rows, PHRASES[kind])
    return _Form(header=header, chosen=_guessed(kind, header)) if header else None


def _said(kind: str, rows: Sequence[HeaderRow], fields: Mapping[str, str]) -> _Form | None:
    """What the form said; guessed anew where another row was made the header."""
    header = next((row for row in rows if _key(row) == fields.get("header")), None)
    if header is None:
        return _opened(kind, rows, {})
    if fields.get("header") != fields.get("shown"):
        return _Form(header=header, chosen=_guessed(kind, header))
    chosen = {role: fields.get(role, "") for role in ROLES[kind]}
    return _Form(
        header=header, chosen={role: text for role, text in chosen.items() if text in header.names}
    )


def _guessed(kind: str, header: HeaderRow) -> dict[str, str]:
    found = guess(header.names, PHRASES[kind])
    if "credit" in found:  # two columns say what one signed column would
        found.pop("amount", None)
    return found


def _key(row: HeaderRow) -> str:
    return f"{row.sheet}.{row.row}.{row.height}"


async def _columns_screen(
    request: HttpRequest,
    context: AppContext,
    staff: Staff,
    batch: Batch,
    sheets: Sequence[Sheet],
    rows: Sequence[HeaderRow],
    form: _Form | None,
    *,
    saved: Mapping[str, str],
    problem: DomainError | None,
) -> Response[Any]:
    preview: object = None
    misread: DomainError | None = None
    if form is not None:
        try:
            async with transaction(context.engine) as db:
                preview = await _preview(db, staff, batch, form.chosen)
        except DomainError as refusal:
            misread = refusal
    sheet = sheets[form.header.sheet] if form else None
    return screen(
        request,
        "columns.html",
        active="imports",
        problem=problem,
        misread=misread,
        batch=batch,
        form=form,
        saved=saved,
        roles=[(role, role in NEEDED[batch.kind]) for role in ROLES[batch.kind]],
        candidates=[(_key(row), row) for row in rows],
        shown=_key(form.header) if form else "",
        grid=_grid(sheet, form.header) if sheet and form else (),
        preview=preview,
        preview_at=PREVIEW_OF[batch.kind].format(batch.id),
    )


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


async def _preview(db: Driver, staff: Staff, batch: Batch, chosen: Mapping[str, str]) -> object:
    if batch.kind == "statement":
        return await preview_statement(
            db,
            staff.school_id,
            int(batch.parameters["bank_account_id"]),
            batch.content,
            batch.file_name,
            layout=statement_layout(chosen),
        )
    read = await to_thread(
        read_settlement_by, settlement_layout(chosen, ""), batch.content, batch.file_name
    )
    return _SettlementPreview(
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
