"""`hocphi statistics`: the cashless share of every school and province in a month, for the sector.

Sums and counts of schools; no pupil, payer or payment can be found in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

import click
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.messages import Message, format_share, msg
from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from core.kit.money import format_vnd
from core.statistics.cashless import (
    Cashless,
    ProvinceCashless,
    SchoolCashless,
    added,
    by_province,
    cashless_of_all_schools,
    last_day_of,
)
from core.statistics.sheets import (
    SHARE_COLUMNS,
    TOTAL,
    ReportColumn,
    ReportSheet,
    share_cells,
    write_workbook,
)
from gateway.cli.context import json_option, print_result, run
from gateway.cli.errors import BadMonthError

_UNKNOWN: Final = msg("(chưa ghi)")


@click.command("statistics")
@click.option("--month", "month_text", default=None, help="2026-09; the present one if left out.")
@click.option(
    "--xlsx",
    "file",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write the tables to this file.",
)
@json_option
def statistics(month_text: str | None, file: Path | None, as_json: bool) -> None:
    """Thống kê thu không tiền mặt toàn ngành. / The cashless share by province and school."""

    async def work(engine: AsyncEngine) -> tuple[date, list[SchoolCashless]]:
        month = month_of(month_text)
        async with transaction(engine) as db:
            return month, await cashless_of_all_schools(db, month)

    month, schools = run(work)
    provinces = by_province(schools)
    if file:
        file.write_bytes(
            write_workbook(statistics_sheets(schools, month), lang="vi", on=last_day_of(month))
        )
    total = added([one.figures for one in schools])
    print_result(
        {
            "month": f"{month:%Y-%m}",
            "total": {"schools": len(schools), **_figures(total)},
            "provinces": [
                {"province": one.province, "schools": one.school_count, **_figures(one.figures)}
                for one in provinces
            ],
            "schools": [
                {
                    "code": one.code,
                    "name": one.name,
                    "province": one.province,
                    **_figures(one.figures),
                }
                for one in schools
            ],
            **({"file": str(file)} if file else {}),
        },
        as_json=as_json,
        lines=[
            f"Tháng {month:%m/%Y}",
            *(_line(one) for one in provinces),
            _line(ProvinceCashless(str(TOTAL), len(schools), total)),
            *([f"Đã ghi {file}"] if file else []),
        ],
    )


def month_of(text: str | None) -> date:
    """The first day of the month "2026-09", of the present one without a text. Raises BadMonthError."""
    if text is None:
        return business_date(now_utc()).replace(day=1)
    try:
        month = date.fromisoformat(f"{text}-01")
    except ValueError:
        month = date.min
    if not 2000 <= month.year <= 2100:
        raise BadMonthError(text)
    return month


def statistics_sheets(schools: Sequence[SchoolCashless], month: date) -> list[ReportSheet]:
    """The month as two tables: by province, and by school."""
    total = share_cells(added([one.figures for one in schools]))
    notes: tuple[Message, ...] = (
        msg("Tháng {month:month}, đã trừ khoản hoàn và khoản đảo.", month=month),
        msg("Không tiền mặt: mọi khoản qua ngân hàng, ví hoặc cổng thanh toán."),
    )
    return [
        ReportSheet(
            title=msg("Theo tỉnh, thành phố"),
            notes=notes,
            columns=(
                ReportColumn(msg("Tỉnh, thành phố")),
                ReportColumn(msg("Số trường"), "count"),
                *SHARE_COLUMNS,
            ),
            rows=tuple(
                (one.province or _UNKNOWN, one.school_count, *share_cells(one.figures))
                for one in by_province(schools)
            ),
            foot=(TOTAL, len(schools), *total),
        ),
        ReportSheet(
            title=msg("Theo trường"),
            notes=notes,
            columns=(
                ReportColumn(msg("Tỉnh, thành phố")),
                ReportColumn(msg("Mã trường")),
                ReportColumn(msg("Trường")),
                *SHARE_COLUMNS,
            ),
            rows=tuple(
                (one.province or _UNKNOWN, one.code, one.name, *share_cells(one.figures))
                for one in schools
            ),
            foot=(TOTAL, None, None, *total),
        ),
    ]


def _figures(figures: Cashless) -> dict[str, int | None]:
    return {
        "total_vnd": figures.total_vnd,
        "cashless_vnd": figures.cashless_vnd,
        "amount_permille": figures.amount_permille,
        "total_count": figures.total_count,
        "cashless_count": figures.cashless_count,
        "count_permille": figures.count_permille,
    }


def _line(one: ProvinceCashless) -> str:
    figures = one.figures
    share = figures.amount_permille
    return (
        f"{one.province or _UNKNOWN}: {one.school_count} trường,"
        f" {format_vnd(figures.total_vnd, 'vi')} ({figures.total_count} khoản),"
        f" không tiền mặt {format_share(share, 'vi') if share is not None else '–'}"
    )
