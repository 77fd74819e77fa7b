"""Charts of accounts as dated data: which official account a ledger account is, on a given day.

The codes stand in `data/charts.json`, never in code: circulars replace one another, and a voucher
falls under the one in force on its own date.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib import resources

from gateway.kit.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A regime's accounts by kind of ledger account. `reviewed` names what still needs checking."""

    regime: str
    title: str
    from_date: date
    until: date | None
    replaces: str | None
    reviewed: str
    accounts: Mapping[str, str]


@functools.cache
def charts() -> tuple[Chart, ...]:
    """Every chart known, the oldest first."""
    text = resources.files("gateway.accounting").joinpath("data", "charts.json").read_text("utf-8")
    found = [
        Chart(
            regime=row["regime"],
            title=row["title"],
            from_date=date.fromisoformat(row["from"]),
            until=date.fromisoformat(row["until"]) if row["until"] else None,
            replaces=row["replaces"],
            reviewed=row["reviewed"],
            accounts=row["accounts"],
        )
        for row in json.loads(text)["charts"]
    ]
    return tuple(sorted(found, key=lambda chart: (chart.from_date, chart.regime)))


def chart_for(regime: str, on: date) -> Chart:
    """The chart of a school's regime, or of what it replaced or was replaced by, in force on `on`.

    Raises Problem (409) when no chart of that line covers the date.
    """
    by_regime = {chart.regime: chart for chart in charts()}
    successors = {chart.replaces: chart for chart in charts() if chart.replaces}
    chart = by_regime.get(regime)
    while chart and on < chart.from_date:
        chart = by_regime.get(chart.replaces or "")
    while chart and chart.until and on > chart.until:
        chart = successors.get(chart.regime)
    if chart is None or on < chart.from_date:
        raise Problem(
            "no_chart",
            vi=f"Không có hệ thống tài khoản «{regime}» cho ngày {on:%d/%m/%Y}.",
            en=f"There is no chart of accounts {regime} for {on.isoformat()}.",
            status=409,
        )
    return chart
