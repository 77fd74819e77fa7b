"""`hocphi import-statement`: a bank's file by hand."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.contract import FileError
from adapters.statements import LAYOUTS, StatementLayout, StatementMapping, mapped
from adapters.tabular.workbook import MAX_FILE_BYTES
from core.kit.database import transaction
from core.merchants.errors import BankAccountNotFoundError
from gateway.cli.context import (
    OPERATOR,
    bank_account_id_of,
    json_option,
    print_result,
    run,
    school_id_of,
    school_option,
)
from gateway.cli.errors import BadColumnsError
from reconciliation.statements.imports import ImportedStatement, import_statement
from reconciliation.statements.mappings import save_mapping
from reconciliation.statements.notifications import (
    ImportedNotifications,
    import_notifications,
    is_notification,
)


@click.command("import-statement")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--account", required=True, help="The bank account's number.")
@click.option(
    "--layout", type=click.Choice(list(LAYOUTS)), help="Skip finding out whose file it is."
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="ROLE=HEADER",
    help="For any other bank: which header is date, content, credit, debit, amount, balance or"
    " transaction_id. Repeat it.",
)
@click.option(
    "--save", is_flag=True, help="Keep the --column words for the next files of this account."
)
@school_option
@json_option
def import_statement_file(
    file: Path,
    account: str,
    layout: str | None,
    columns: tuple[str, ...],
    save: bool,
    school_code: str | None,
    as_json: bool,
) -> None:
    """Nhập sao kê ngân hàng. / Import a bank statement (XLSX, XLS, CSV, MT940 or camt.053).

    A camt.054 is recorded as notifications, which a later statement confirms.
    """
    if save and not columns:
        raise click.UsageError("--save keeps what --column says: name the columns.")

    with file.open("rb") as opened:
        data = opened.read(MAX_FILE_BYTES + 1)  # the reader refuses what is longer

    async def work(engine: AsyncEngine) -> ImportedStatement | ImportedNotifications:
        school_id = await school_id_of(engine, school_code)
        chosen = _layout(layout, columns)
        async with transaction(engine) as db:
            bank_account_id = await bank_account_id_of(db, school_id, account.replace(" ", ""))
            if bank_account_id is None:
                raise BankAccountNotFoundError
            if is_notification(data):
                return await import_notifications(
                    db, school_id, bank_account_id, data, actor=OPERATOR
                )
            if save:
                await save_mapping(
                    db,
                    school_id,
                    headers=_pairs(columns),
                    data=data,
                    file_name=file.name,
                    actor=OPERATOR,
                    bank_account_id=bank_account_id,
                )
            return await import_statement(
                db,
                school_id,
                bank_account_id,
                data,
                file.name,
                actor=OPERATOR,
                layout=chosen,
            )

    imported = run(work)
    outcome = (
        _notifications_line(imported)
        if isinstance(imported, ImportedNotifications)
        else _statement_line(imported)
    )
    print_result(asdict(imported), as_json=as_json, lines=[f"{file.name}: {outcome}"])


def _statement_line(imported: ImportedStatement) -> str:
    if not imported.is_new:
        return "đã nhập trước đây, không có gì thay đổi. / imported before, nothing changed."
    return (
        f"{imported.lines} dòng, {imported.new_lines} dòng mới,"
        f" {imported.unreadable} dòng không đọc được."
    )


def _notifications_line(imported: ImportedNotifications) -> str:
    return (
        f"báo có camt.054: {imported.new} khoản mới, {imported.confirmed} khoản xác nhận,"
        f" {imported.known} khoản đã biết, {imported.conflicts} mâu thuẫn,"
        f" {imported.left} dòng chờ sao kê."
    )


def _pairs(columns: tuple[str, ...]) -> dict[str, str]:
    return dict(column.split("=", 1) for column in columns)


def _layout(name: str | None, columns: tuple[str, ...]) -> StatementLayout | None:
    """The layout named, or one made of `--column` words. Raises BadColumnsError."""
    if not columns:
        return LAYOUTS[name] if name else None
    try:
        return mapped(StatementMapping(**{"date": "", "content": "", **_pairs(columns)}))
    except (FileError, TypeError, ValueError) as error:  # a wrong header, role, or no "="
        raise BadColumnsError from error
