"""What every adapter promises, over HTTP and a real database: one row per adapter, no exceptions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from speaker import Says, Speaker, merchant_of, movement_of
from speakers import SPEAKERS
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import World, make_world
from support.serving import gateway_client, settings_for_tests

from adapters import IPN
from core.kit.database import transaction
from core.ledger.queries import disagreements
from sandbox.provider import Message, altered, span
from sandbox.provider import send as deliver

TOTAL_VND = 500_000


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway_client(database_url) as client:
        yield client


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    async with transaction(engine) as db:
        return await make_world(db, [TOTAL_VND, TOTAL_VND])


@pytest.fixture(params=SPEAKERS, ids=lambda s: f"{s.adapter}-{s.carries.value}")
def speaker(request: pytest.FixtureRequest) -> Speaker:
    return request.param


async def books(engine: AsyncEngine, world: World) -> dict[str, int]:
    """What the day looks like: paid on the first invoice, payments, notices, suspense, exceptions."""
    async with transaction(engine) as db:
        assert await disagreements(db, world.school_id) == []
        return dict(
            await db.raw.fetchrow(
                """
                SELECT (SELECT paid_vnd FROM invoice WHERE id = $1) AS paid_vnd,
                       (SELECT count(*) FROM payment) AS payments,
                       (SELECT count(*) FROM notice) AS notices,
                       (SELECT coalesce(sum(amount_vnd), 0)::bigint FROM transfer WHERE kind = 'suspense') AS suspense_vnd,
                       (SELECT count(*) FROM exception WHERE reason = 'conflicting_duplicate') AS alarms
                """,
                world.invoices[0].id,
            )
        )


NOTHING = {"paid_vnd": 0, "payments": 0, "notices": 0, "suspense_vnd": 0, "alarms": 0}
ONCE = NOTHING | {"paid_vnd": TOTAL_VND, "payments": 1, "notices": 1}


async def said(
    speaker: Speaker, client: httpx.AsyncClient, world: World, says: Says, leave_out: str = ""
) -> Message:
    """The provider's message, signed by the sandbox."""
    return await speaker.teller.message(
        client,
        movement_of(speaker, world, says),
        merchant_of(world, speaker.adapter),
        leave_out=leave_out,
    )


async def send(
    speaker: Speaker, client: httpx.AsyncClient, world: World, message: Message
) -> httpx.Response:
    return await deliver(client, merchant_of(world, speaker.adapter), message)


def genuine(world: World) -> Says:
    return Says("TX1", TOTAL_VND, world.invoices[0].reference)


def test_no_adapter_is_left_out() -> None:
    assert {speaker.adapter for speaker in SPEAKERS} == set(IPN)


async def test_valid_once_and_again(
    speaker: Speaker, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    message = await said(speaker, client, world, genuine(world))
    first = await send(speaker, client, world, message)
    assert speaker.ok(first), first.text
    again = [await send(speaker, client, world, message) for _ in range(3)]
    assert all(speaker.duplicate(answer) for answer in again)
    assert len({answer.content for answer in again}) == 1
    assert await books(engine, world) == ONCE


async def test_same_transaction_with_another_amount_is_refused_recorded_and_alarmed(
    speaker: Speaker, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    await send(speaker, client, world, await said(speaker, client, world, genuine(world)))
    other = replace(genuine(world), amount_vnd=TOTAL_VND + 1_000)
    for _ in range(2):
        answer = await send(speaker, client, world, await said(speaker, client, world, other))
        assert speaker.conflict(answer), answer.text
    assert await books(engine, world) == ONCE | {"alarms": 1}
    async with transaction(engine) as db:
        kept = await db.raw.fetch("SELECT amount_vnd FROM notice_conflict")
    assert [row["amount_vnd"] for row in kept] == [TOTAL_VND + 1_000]


async def test_any_altered_signed_value_leaves_no_trace(
    speaker: Speaker, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    message = await said(speaker, client, world, genuine(world))
    assert speaker.teller.SIGNED
    for mark in speaker.teller.SIGNED:
        _, start, end = span(message, mark)
        for at in {0, (end - start) // 2, end - start - 1}:
            answer = await send(speaker, client, world, altered(message, mark, at))
            assert speaker.bad_signature(answer), (mark, at, answer.text)
    assert await books(engine, world) == NOTHING
    answer = await send(speaker, client, world, message)
    assert speaker.ok(answer), answer.text  # the genuine one is not poisoned by them


async def test_an_unsigned_value_never_moves_money(
    speaker: Speaker, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    """Whatever stands there: the amount, its invoice and its account stay, or nobody is believed."""
    message = await said(speaker, client, world, genuine(world))
    for mark in speaker.teller.UNSIGNED:
        await send(speaker, client, world, altered(message, mark))
    await send(speaker, client, world, message)
    async with transaction(engine) as db:
        rows = await db.raw.fetch("SELECT amount_vnd, bank_account_id, is_provisional FROM payment")
    own = {world.bank_account_id, None}  # None: a lump is settled later
    believed = [row for row in rows if not row["is_provisional"]]
    assert {(row["amount_vnd"], row["bank_account_id"] in own) for row in believed} <= {
        (TOTAL_VND, True)
    }
    assert len(believed) == (0 if speaker.is_provisional else 1)


async def test_an_unsigned_amount_is_marked_until_it_is_confirmed(
    speaker: Speaker, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    await send(speaker, client, world, await said(speaker, client, world, genuine(world)))
    async with transaction(engine) as db:
        marked = await db.raw.fetchval("SELECT is_provisional FROM payment")
    assert marked is speaker.is_provisional


async def test_what_did_not_succeed_books_nothing(
    speaker: Speaker, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    """Providers that only tell of successes have no such message; the money may still come later."""
    for standing in speaker.tells_of:
        message = await said(speaker, client, world, replace(genuine(world), standing=standing))
        answer = await send(speaker, client, world, message)
        assert answer.status_code < 500, answer.text
    assert (await books(engine, world))["payments"] == 0
    message = await said(speaker, client, world, genuine(world))
    await send(speaker, client, world, message)
    assert (await books(engine, world))["payments"] == 1


async def test_a_missing_field_is_refused(
    speaker: Speaker, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    message = await said(speaker, client, world, genuine(world), leave_out=speaker.missing)
    answer = await send(speaker, client, world, message)
    assert not speaker.ok(answer)
    assert answer.status_code < 500
    assert await books(engine, world) == NOTHING


async def test_money_for_an_account_that_is_not_the_schools_is_kept_in_suspense(
    speaker: Speaker, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    if (
        not speaker.names_account
    ):  # the merchant account itself is the account: another one has no key
        message = await said(speaker, client, world, genuine(world))
        answer = await send(speaker, client, world, replace(message, path=f"x{message.path}"))
        assert not speaker.ok(answer)
        assert await books(engine, world) == NOTHING
        return
    message = await said(speaker, client, world, replace(genuine(world), account="9999888877"))
    answer = await send(speaker, client, world, message)
    assert answer.status_code < 500
    expected = NOTHING | {"payments": 1, "notices": 1, "suspense_vnd": TOTAL_VND}
    assert await books(engine, world) == expected


async def test_an_unknown_reference_is_kept_in_suspense(
    speaker: Speaker, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    message = await said(speaker, client, world, replace(genuine(world), reference="HOCPHITHANG9"))
    for _ in range(2):  # the same answer again
        answer = await send(speaker, client, world, message)
        assert speaker.unknown_reference(answer), answer.text
    expected = NOTHING | {"payments": 1, "notices": 1, "suspense_vnd": TOTAL_VND}
    assert await books(engine, world) == expected


async def test_another_amount_than_asked_is_recorded_as_it_is(
    speaker: Speaker, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    message = await said(speaker, client, world, replace(genuine(world), amount_vnd=120_000))
    answer = await send(speaker, client, world, message)
    assert answer.status_code < 300
    assert await books(engine, world) == ONCE | {"paid_vnd": 120_000}


async def test_an_oversized_message_is_refused(
    speaker: Speaker, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    message = await said(speaker, client, world, genuine(world))
    padding = b" " * settings_for_tests().ipn_body_limit + b" "
    answer = await send(speaker, client, world, replace(message, body=message.body + padding))
    assert answer.status_code == 413
    assert await books(engine, world) == NOTHING


async def test_a_wrong_content_type_is_refused(
    speaker: Speaker, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    message = await said(speaker, client, world, genuine(world))
    headers = tuple((k, v) for k, v in message.headers if k != "content-type")
    wrong = replace(message, headers=(*headers, ("content-type", "text/plain")))
    if (
        message.method == "GET"
    ):  # a GET has no type: a body in its place is the wrong kind of message
        wrong = replace(wrong, method="POST", query="", body=message.query.encode())
    answer = await send(speaker, client, world, wrong)
    assert not speaker.ok(answer)
    assert answer.status_code < 500
    assert await books(engine, world) == NOTHING


async def test_fifty_copies_at_once_have_one_effect(
    speaker: Speaker, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    message = await said(speaker, client, world, genuine(world))
    answers = await asyncio.gather(*(send(speaker, client, world, message) for _ in range(50)))
    assert all(speaker.ok(a) or speaker.duplicate(a) for a in answers)
    assert await books(engine, world) == ONCE


async def test_an_unknown_address_is_refused_in_the_providers_words(
    speaker: Speaker, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    message = await said(speaker, client, world, genuine(world))
    nobody = replace(merchant_of(world, speaker.adapter), ipn_url=f"/ipn/{speaker.adapter}/nobody")
    answer = await deliver(client, nobody, message)
    assert not speaker.ok(answer)
    assert answer.status_code < 500
    assert await books(engine, world) == NOTHING


async def test_garbage_never_breaks_the_door(
    speaker: Speaker, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    message = await said(speaker, client, world, genuine(world))
    for body in (
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"a":NaN}',
        b'{"id":1,"id":2}',
        b"[" * 5000,
    ):
        answer = await send(
            speaker, client, world, replace(message, body=body, query="%ff=%00&=&vnp_Amount=")
        )
        assert answer.status_code < 500
        assert not speaker.ok(answer)
    assert await books(engine, world) == NOTHING
