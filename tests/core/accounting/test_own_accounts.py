"""A school's own accounts: used from their day on, never in what was exported, each choice audited."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta

import pytest
from sqlalchemy import CheckConstraint
from sqlalchemy.ext.asyncio import AsyncEngine
from support.accounting_school import export, journal_of, paid_world, pay
from support.factories import DAY, World

from core.accounting.charts import PURPOSES, Override, accounts_on, charts
from core.accounting.overrides import overrides_of, set_override
from core.identity.audit import verify_chain
from core.kit.database import transaction
from core.kit.errors import DomainError
from core.models import ledger_account


async def choose(
    engine: AsyncEngine, world: World, purpose: str, account: str | None, valid_from: date
) -> None:
    async with transaction(engine) as db:
        own = Override(purpose=purpose, valid_from=valid_from, account=account)
        await set_override(db, world.school_id, own, actor="duyet")


async def test_vouchers_use_the_account_of_their_own_day(engine: AsyncEngine) -> None:
    world = await paid_world(engine)
    await choose(engine, world, "bank", "1121", DAY + timedelta(days=1))
    await choose(engine, world, "income", "5311-02", date(2026, 9, 1))
    await pay(engine, world, "S7", 8_000, "sau", day=DAY + timedelta(days=1))
    made = await export(engine, world, "journal-csv")
    assert made
    rows = journal_of(made.content)
    banks = {(row["Ngày"] > DAY.isoformat(), row["TK Nợ"]) for row in rows if row["TK Nợ"] < "113"}
    assert banks == {(False, "112"), (True, "1121")}
    assert {row["TK Có"] for row in rows if row["TK Có"].startswith("53")} == {"5311-02"}


async def test_each_choice_stands_in_the_audit_chain(engine: AsyncEngine) -> None:
    world = await paid_world(engine)
    day = date(2026, 10, 1)
    for account in ("1121", "1122", None):
        await choose(engine, world, "bank", account, day)
    async with transaction(engine) as db:
        assert await overrides_of(db, world.school_id) == (
            Override(purpose="bank", valid_from=day, account=None),
        )
        rows = await db.raw.fetch(
            "SELECT actor, subject, detail::text AS detail FROM audit_entry WHERE school_id = $1"
            " AND action = 'account.chosen' ORDER BY id",
            world.school_id,
        )
        assert [json.loads(row["detail"]) for row in rows] == [
            {"valid_from": "2026-10-01", "before": before, "after": after}
            for before, after in (("112", "1121"), ("1121", "1122"), ("1122", "112"))
        ]
        assert {(row["actor"], row["subject"]) for row in rows} == {
            ("duyet", "account_override:bank")
        }
        assert (await verify_chain(db, world.school_id)).broken_at is None


async def test_what_was_exported_does_not_change(engine: AsyncEngine) -> None:
    world = await paid_world(engine)
    assert await export(engine, world, "misa-receipts")
    with pytest.raises(DomainError, match="already_exported"):
        await choose(engine, world, "bank", "1121", DAY)
    async with transaction(engine) as db:
        assert await overrides_of(db, world.school_id) == ()
    await choose(engine, world, "bank", "1121", DAY + timedelta(days=1))


@pytest.mark.parametrize("account", ["11", "ABC", "112 1", "112;1", "1121" * 5, "112a", "=112", ""])
async def test_an_account_that_is_none_is_refused(engine: AsyncEngine, account: str) -> None:
    world = await paid_world(engine)
    with pytest.raises(DomainError, match="bad_account"):
        await choose(engine, world, "bank", account, DAY)


async def test_unknown_purposes_days_and_schools_are_refused(engine: AsyncEngine) -> None:
    world = await paid_world(engine)
    with pytest.raises(DomainError, match="unknown_purpose"):
        await choose(engine, world, "gold", "1121", DAY)
    with pytest.raises(DomainError, match="no_chart"):
        await choose(engine, world, "bank", "1121", date(1990, 1, 1))
    own = Override(purpose="bank", valid_from=DAY, account="1121")
    async with transaction(engine) as db:
        with pytest.raises(DomainError, match="not_found"):
            await set_override(db, 10**9, own, actor="duyet")


def test_an_own_account_ends_with_its_circular() -> None:
    own = [Override(purpose="bank", valid_from=date(2025, 6, 1), account="11211")]
    assert accounts_on("TT99/2025", own, date(2025, 5, 31))["bank"] == "1121"
    assert accounts_on("TT99/2025", own, date(2025, 12, 31))["bank"] == "11211"
    assert accounts_on("TT99/2025", own, date(2026, 1, 1))["bank"] == "112"


def test_every_chart_has_an_account_and_its_name_for_every_purpose() -> None:
    (known,) = (
        str(rule.sqltext)
        for rule in ledger_account.constraints
        if isinstance(rule, CheckConstraint) and "kind IN" in str(rule.sqltext)
    )
    kinds = set(re.findall(r"'(\w+)'", known))
    assert kinds <= set(PURPOSES)
    for chart in charts():
        assert set(chart.accounts) == set(PURPOSES)
        assert all(chart.name_of(account) for account in chart.accounts.values())
        assert re.fullmatch(r"TT\d+/\d{4}", chart.regime)
    assert {chart.regime for chart in charts() if chart.until is None} == {"TT24/2024", "TT99/2025"}
    assert charts()[0].name_of("9") == ""


def test_charts_of_one_line_follow_each_other_without_a_gap() -> None:
    by_regime = {chart.regime: chart for chart in charts()}
    for chart in charts():
        if chart.replaces:
            before = by_regime[chart.replaces]
            assert before.until == chart.from_date - timedelta(days=1)
