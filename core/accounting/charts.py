"""Charts of accounts as dated data: which official account a ledger account is, on a given day.

The codes stand in `data/charts.json`, never in code: circulars replace one another, and a voucher
falls under the one in force on its own date. A school may use accounts of its own from a date on;
they hold within the circular under which they were chosen, never through to the next one.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from importlib import resources
from typing import Any, Final

from adapters.messages import Message, msg, pmsg
from core.accounting.errors import AccountsChangeError, NoChartError

PURPOSES: Final[Mapping[str, Message]] = {
    "bank": msg("Tiền gửi ngân hàng"),
    "clearing": msg("Tiền đang ở cổng thanh toán, ví"),
    "receivable": msg("Phải thu của học sinh"),
    "student_credit": msg("Thu thừa, giữ lại cho học sinh"),
    "suspense": msg("Tiền chưa rõ nội dung"),
    "income": msg("Doanh thu học phí, dịch vụ"),
    "on_behalf": msg("Thu hộ, chi hộ"),
    "prepaid": msg("Thu trước của nhiều kỳ"),
    "provider_fee": pmsg("many", "Phí dịch vụ thanh toán"),
    "provider_vat": msg("Thuế GTGT của phí dịch vụ thanh toán"),
    "bank_fee": pmsg("many", "Phí ngân hàng"),
    "in_transit": msg("Tiền chuyển giữa các tài khoản của trường, kể cả kho bạc"),
    "state_receivable": msg("Ngân sách cấp bù miễn, giảm học phí phải thu"),
    "opening": msg("Đối ứng số dư ban đầu"),
}
"""What the books need accounts for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChart:
    """A regime's accounts by purpose (kind of ledger account) and their `names` by code.

    `reviewed`: in Vietnamese, what still needs checking; "" if nothing does.
    """

    regime: str
    title: str
    from_date: date
    until: date | None
    replaces: str | None
    reviewed: str
    accounts: Mapping[str, str]
    names: Mapping[str, str]

    def name_of(self, account: str) -> str:
        """What the chart calls an account, or the nearest account above it; "" when it knows none."""
        above = (account[:length] for length in range(len(account), 0, -1))
        return next((self.names[code] for code in above if code in self.names), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A school's own account for a purpose from a date on; None: the circular's again."""

    purpose: str
    valid_from: date
    account: str | None


@functools.cache
def charts() -> tuple[AccountChart, ...]:
    """Every chart known, the oldest first."""
    found = [
        AccountChart(
            regime=row["regime"],
            title=row["title"],
            from_date=date.fromisoformat(row["from"]),
            until=date.fromisoformat(row["until"]) if row["until"] else None,
            replaces=row["replaces"],
            reviewed=row["reviewed"],
            accounts=row["accounts"],
            names=row["names"],
        )
        for row in _data()["charts"]
    ]
    return tuple(sorted(found, key=lambda chart: (chart.from_date, chart.regime)))


def chart_for(regime: str, on: date) -> AccountChart:
    """The chart of a school's regime, or of what it replaced or was replaced by, in force on `on`.

    Raises NoChartError when no chart of that line covers the date.
    """
    by_regime = {chart.regime: chart for chart in charts()}
    successors = {chart.replaces: chart for chart in charts() if chart.replaces}
    chart = by_regime.get(regime)
    while chart and on < chart.from_date:
        chart = by_regime.get(chart.replaces or "")
    while chart and chart.until and on > chart.until:
        chart = successors.get(chart.regime)
    if chart is None or on < chart.from_date:
        raise NoChartError(regime=regime, on=on)
    return chart


def accounts_on(regime: str, overrides: Iterable[Override], on: date) -> Mapping[str, str]:
    """Purpose -> account on a day: the chart's, unless the school chose its own under that chart.

    Raises NoChartError when no chart covers the date.
    """
    chart = chart_for(regime, on)
    chosen = {
        one.purpose: one.account
        for one in sorted(overrides, key=lambda one: one.valid_from)
        if chart.from_date <= one.valid_from <= on
    }
    return {purpose: chosen.get(purpose) or code for purpose, code in chart.accounts.items()}


def accounts_during(
    regime: str, overrides: Iterable[Override], since: date, until: date, used: Iterable[str]
) -> Mapping[str, str]:
    """Purpose -> account for a whole period, both days included.

    Raises AccountsChangeError when an account of a purpose in `used` changes in it: a balance has one
    account, so such a period is looked at in two parts; NoChartError when no chart covers it.
    """
    known = tuple(overrides)
    first = accounts_on(regime, known, since)
    days = {chart.from_date for chart in charts()} | {one.valid_from for one in known}
    for day in sorted(day for day in days if since < day <= until):
        later = accounts_on(regime, known, day)
        if any(first[purpose] != later[purpose] for purpose in used):
            raise AccountsChangeError(day=day)
    return first


@functools.cache
def _data() -> Any:
    return json.loads(
        resources.files("core.accounting").joinpath("data", "charts.json").read_text("utf-8")
    )
