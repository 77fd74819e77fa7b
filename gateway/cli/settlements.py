"""`hocphi import-settlement`, `hocphi settlement-terms`: what providers that settle in batches report, and their terms."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.settlements import LAYOUTS
from adapters.tabular.workbook import MAX_FILE_BYTES
from core.kit.database import Driver, Query, transaction
from gateway.cli.context import (
    OPERATOR,
    json_option,
    print_result,
    run,
    school_id_of,
    school_option,
)
from gateway.cli.errors import ChannelNotChosenError
from reconciliation.settlements.files import ImportedSettlement, import_settlement
from reconciliation.settlements.terms import SettlementTerms, basis_points, set_terms

CHANNEL_IDS = Query(
    int,
    """
SELECT id FROM merchant_account
 WHERE school_id = $1 AND settlement = 'batch'
   AND ($2::text IS NULL OR account_key = $2) AND ($3::text IS NULL OR adapter = $3)
""",
)

channel_options = (
    click.option("--account-key", help="The key in the channel's IPN address."),
    click.option("--channel", help="The adapter's name, where the school has one such channel."),
)


@click.command("import-settlement")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@channel_options[0]
@channel_options[1]
@click.option(
    "--layout", type=click.Choice(list(LAYOUTS)), help="Skip finding out whose file it is."
)
@school_option
@json_option
def import_settlement_file(
    file: Path,
    account_key: str | None,
    channel: str | None,
    layout: str | None,
    school_code: str | None,
    as_json: bool,
) -> None:
    """Nhập tệp đối soát. / Import a provider's settlement file (XLSX, XLS or CSV)."""
    with file.open("rb") as opened:
        data = opened.read(MAX_FILE_BYTES + 1)  # the reader refuses what is longer

    async def work(engine: AsyncEngine) -> ImportedSettlement:
        school_id = await school_id_of(engine, school_code)
        async with transaction(engine) as db:
            merchant_account_id = await _channel_id(db, school_id, account_key, channel)
            return await import_settlement(
                db,
                school_id,
                merchant_account_id,
                data,
                file.name,
                actor=OPERATOR,
                layout=LAYOUTS[layout] if layout else None,
            )

    imported = run(work)
    lines = [
        f"{file.name}: {imported.lines} dòng, {imported.new_lines} dòng mới,"
        f" {imported.unreadable} dòng không đọc được."
        if imported.is_new
        else f"{file.name}: đã nhập trước đây, không có gì thay đổi. / imported before, nothing changed."
    ]
    print_result(asdict(imported), as_json=as_json, lines=lines)


@click.command("settlement-terms")
@channel_options[0]
@channel_options[1]
@click.option("--from", "valid_from", required=True, type=click.DateTime(["%Y-%m-%d"]))
@click.option("--fee", required=True, metavar="PERCENT", help="Of each payment, such as 1.10.")
@click.option("--fixed", "fixed_vnd", default=0, help="VND of each payment, beside the percentage.")
@click.option("--vat", "vat_percent", default=10, help="Percent of the fee.")
@click.option("--days", default=2, help="From the payment until the money is at the bank.")
@click.option("--tolerance", "tolerance_vnd", default=0, help="VND by which a batch may differ.")
@school_option
@json_option
def settlement_terms_command(
    account_key: str | None,
    channel: str | None,
    valid_from: datetime,
    fee: str,
    fixed_vnd: int,
    vat_percent: int,
    days: int,
    tolerance_vnd: int,
    school_code: str | None,
    as_json: bool,
) -> None:
    """Ghi điều khoản phí của hợp đồng. / Record what a provider's contract says from a day on."""
    try:
        points = basis_points(fee)
    except ValueError as error:
        raise click.BadParameter("a percentage such as 1.10", param_hint="--fee") from error
    terms = SettlementTerms(
        valid_from=valid_from.date(),
        fee_basis_points=points,
        fixed_vnd=fixed_vnd,
        vat_percent=vat_percent,
        settled_within_days=days,
        tolerance_vnd=tolerance_vnd,
    )

    async def work(engine: AsyncEngine) -> int:
        school_id = await school_id_of(engine, school_code)
        async with transaction(engine) as db:
            merchant_account_id = await _channel_id(db, school_id, account_key, channel)
            await set_terms(db, school_id, merchant_account_id, terms, actor=OPERATOR)
        return merchant_account_id

    merchant_account_id = run(work)
    print_result(
        {"merchant_account_id": merchant_account_id, **asdict(terms)},
        as_json=as_json,
        lines=[f"Đã ghi điều khoản từ {terms.valid_from:%d/%m/%Y}. / The terms were recorded."],
    )


async def _channel_id(
    db: Driver, school_id: int, account_key: str | None, channel: str | None
) -> int:
    """The one channel that is meant. Raises ChannelNotChosenError where that is none or several."""
    ids = await db.fetch(CHANNEL_IDS, school_id, account_key, channel)
    if len(ids) != 1:
        raise ChannelNotChosenError
    return ids[0]
