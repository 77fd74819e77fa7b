"""Opening checkouts: unique among concurrent ones, for what is open, and bounded."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine
from support.errors import status_of
from support.factories import World, make_world, merchant_in

from core.kit.clock import now_utc
from core.kit.database import transaction
from core.kit.errors import DomainError
from core.kit.reference import ALPHABET, find_references
from core.payments.checkouts import AT_ONCE, LIFETIME, OpenCheckout, attempt_code, open_checkout

TOTAL_VND = 900_000


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    async with transaction(engine) as db:
        return await make_world(db, [TOTAL_VND])


async def opened(engine: AsyncEngine, world: World, **more: object) -> OpenCheckout:
    at = more.pop("at", now_utc())
    async with transaction(engine) as db:
        merchant = await merchant_in(db, world, str(more.get("adapter", "vnpay")))
        return await open_checkout(db, merchant, world.invoices[0].id, at=at)


async def test_concurrent_checkouts_have_references_of_their_own(
    engine: AsyncEngine, world: World
) -> None:
    made = await asyncio.gather(*(opened(engine, world) for _ in range(8)))
    names = {checkout.merchant_reference for checkout in made}
    assert len(names) == 8
    for name in names:
        [found] = find_references(name)
        assert (found.reference, found.corrected) == (world.invoices[0].reference, False)
    assert {checkout.amount_vnd for checkout in made} == {TOTAL_VND}


async def test_it_asks_for_what_is_open(engine: AsyncEngine, world: World) -> None:
    async with transaction(engine) as db:
        await db.raw.execute("UPDATE invoice SET paid_vnd = 300000")
    assert (await opened(engine, world)).amount_vnd == TOTAL_VND - 300_000
    async with transaction(engine) as db:
        await db.raw.execute("UPDATE invoice SET paid_vnd = total_vnd")
    with pytest.raises(DomainError) as refused:
        await opened(engine, world)
    assert (status_of(refused.value), refused.value.code) == (409, "nothing_to_pay")


async def test_too_many_alive_are_refused_until_they_end(engine: AsyncEngine, world: World) -> None:
    at = now_utc()
    for _ in range(AT_ONCE):
        await opened(engine, world, at=at)
    with pytest.raises(DomainError) as refused:
        await opened(engine, world, at=at)
    assert status_of(refused.value) == 429
    later = await opened(engine, world, at=at + LIFETIME + timedelta(seconds=1))
    assert later.merchant_reference.endswith(attempt_code(AT_ONCE))


@given(st.integers(0, 100_000), st.integers(0, 100_000))
def test_attempts_never_share_a_code(one: int, other: int) -> None:
    assert (attempt_code(one) == attempt_code(other)) == (one == other)
    assert set(attempt_code(one)) <= set(ALPHABET)
    assert len(attempt_code(one)) >= 2
