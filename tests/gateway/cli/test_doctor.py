"""The doctor's eye for books that do not agree."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import KEYS, make_world

from core.kit.database import transaction
from core.kit.seal import Keys
from gateway.cli.doctor import examine


async def test_the_doctor_finds_what_is_wrong(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        await make_world(db, [100_000])
    healthy = {f.check: f.ok for f in await examine(engine, KEYS)}
    assert healthy["books of TH01"]
    assert healthy["audit chain of TH01"]
    assert healthy["credentials"]

    async with transaction(engine) as db:
        await db.raw.execute("UPDATE invoice SET paid_vnd = 1")
    other_keys = Keys(master=b"x" * 32, reference=KEYS.reference)
    ill = {f.check: f.ok for f in await examine(engine, other_keys)}
    assert not ill["books of TH01"]
    assert not ill["credentials"]
