"""Corrections: a journal of money is reversed once, an invoice's own journal never."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.errors import status_of
from support.factories import make_world

from core.kit.database import transaction
from core.kit.errors import DomainError
from core.ledger.queries import disagreements
from core.ledger.service import reverse_journal

ON = date(2026, 9, 12)


async def test_the_journal_that_issued_an_invoice_is_not_reversed(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        world = await make_world(db, [100_000])
        journal_id = await db.raw.fetchval(
            "SELECT journal_id FROM transfer WHERE kind = 'invoice_issued'"
        )
        with pytest.raises(DomainError) as refused:
            await reverse_journal(db, world.school_id, journal_id, ON, "nhầm")
        assert refused.value.code == "journal_of_invoice"
        assert await disagreements(db, world.school_id) == []


async def test_a_journal_that_does_not_exist_is_not_found(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        world = await make_world(db, [100_000])
        with pytest.raises(DomainError) as refused:
            await reverse_journal(db, world.school_id, 987_654, ON, "nhầm")
    assert status_of(refused.value) == 404
