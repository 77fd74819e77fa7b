"""`hocphi import-settlement`, `settlement-terms` as an operator types them."""

from __future__ import annotations

import json
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine
from support.command_school import hocphi
from support.settlement_school import NEXT, settlement_school
from test_reconcile_day_command import operator

from core.kit.database import transaction
from reconciliation.settlements.terms import SettlementTerms, terms_of
from sandbox.settlements import Payout

__all__ = ["operator"]


async def test_a_file_is_imported_once_and_a_wrong_channel_refused(
    engine: AsyncEngine, operator: Path
) -> None:
    school = await settlement_school(engine, [500_000])
    path = operator / "momo.csv"
    payout = Payout(batch_id="B20260910", settled_on=NEXT, paid=[school.movement(0)])
    path.write_bytes(school.file(payout))
    key = school.world.merchants["momo"][1]
    first = await hocphi("import-settlement", str(path), "--account-key", key, "--json")
    assert first.exit_code == 0, first.output
    assert json.loads(first.stdout)["new_lines"] == 1
    again = await hocphi("import-settlement", str(path), "--channel", "momo", "--json")
    assert json.loads(again.stdout) == json.loads(first.stdout) | {"is_new": False, "new_lines": 0}
    unclear = await hocphi("import-settlement", str(path))
    assert unclear.exit_code == 1
    assert "--channel" in unclear.output


async def test_terms_are_recorded(engine: AsyncEngine, operator: Path) -> None:
    school = await settlement_school(engine, [500_000])
    said = ("settlement-terms", "--channel", "momo", "--from", NEXT.isoformat())
    done = await hocphi(*said, "--fee", "1.1", "--fixed", "500", "--days", "3")
    assert done.exit_code == 0, done.output
    async with transaction(engine) as db:
        assert await terms_of(db, school.school_id, school.merchant_id) == (
            SettlementTerms(
                valid_from=NEXT, fee_basis_points=110, fixed_vnd=500, settled_within_days=3
            ),
        )
    assert (await hocphi(*said, "--fee", "nhiều")).exit_code == 2
