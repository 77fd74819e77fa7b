"""What every adapter promises, over HTTP and a real database: one row per adapter, no exceptions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from adapter_case import AdapterCase, Says, merchant_of, movement_of
from adapter_cases import CASES
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


@pytest.fixture(params=CASES, ids=lambda s: f"{s.adapter}-{s.carries.value}")
def case(request: pytest.FixtureRequest) -> AdapterCase:
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
    case: AdapterCase, client: httpx.AsyncClient, world: World, says: Says, leave_out: str = ""
) -> Message:
    """The provider's message, signed by the sandbox."""
    return await case.notifier.message(
        client,
        movement_of(case, world, says),
        merchant_of(world, case.adapter),
        leave_out=leave_out,
    )


async def send(
    case: AdapterCase, client: httpx.AsyncClient, world: World, message: Message
) -> httpx.Response:
    return await deliver(client, merchant_of(world, case.adapter), message)


def genuine(world: World) -> Says:
    return Says("TX1", TOTAL_VND, world.invoices[0].reference)


def test_no_adapter_is_left_out() -> None:
    assert {case.adapter for case in CASES} == set(IPN)


async def test_valid_once_and_again(
    case: AdapterCase, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    message = await said(case, client, world, genuine(world))
    first = await send(case, client, world, message)
    assert case.ok(first), first.text
    again = [await send(case, client, world, message) for _ in range(3)]
    assert all(case.duplicate(answer) for answer in again)
    assert len({answer.content for answer in again}) == 1
    assert await books(engine, world) == ONCE


async def test_same_transaction_with_another_amount_is_refused_recorded_and_alarmed(
    case: AdapterCase, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    await send(case, client, world, await said(case, client, world, genuine(world)))
    other = replace(genuine(world), amount_vnd=TOTAL_VND + 1_000)
    for _ in range(2):
        answer = await send(case, client, world, await said(case, client, world, other))
        assert case.conflict(answer), answer.text
    assert await books(engine, world) == ONCE | {"alarms": 1}
    async with transaction(engine) as db:
        kept = await db.raw.fetch("SELECT amount_vnd FROM notice_conflict")
    assert [row["amount_vnd"] for row in kept] == [TOTAL_VND + 1_000]


async def test_any_altered_signed_value_leaves_no_trace(
    case: AdapterCase, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    message = await said(case, client, world, genuine(world))
    assert case.notifier.SIGNED
    for mark in case.notifier.SIGNED:
        _, start, end = span(message, mark)
        for at in {0, (end - start) // 2, end - start - 1}:
            answer = await send(case, client, world, altered(message, mark, at))
            assert case.bad_signature(answer), (mark, at, answer.text)
    assert await books(engine, world) == NOTHING
    answer = await send(case, client, world, message)
    assert case.ok(answer), answer.text  # the genuine one is not poisoned by them


async def test_an_unsigned_value_never_moves_money(
    case: AdapterCase, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    """Whatever stands there: the amount, its invoice and its account stay, or nobody is believed."""
    message = await said(case, client, world, genuine(world))
    for mark in case.notifier.UNSIGNED:
        await send(case, client, world, altered(message, mark))
    await send(case, client, world, message)
    async with transaction(engine) as db:
        rows = await db.raw.fetch("SELECT amount_vnd, bank_account_id, is_provisional FROM payment")
    own = {world.bank_account_id, None}  # None: a payout comes later
    believed = [row for row in rows if not row["is_provisional"]]
    assert {(row["amount_vnd"], row["bank_account_id"] in own) for row in believed} <= {
        (TOTAL_VND, True)
    }
    assert len(believed) == (0 if case.is_provisional else 1)


async def test_an_unsigned_amount_is_marked_until_it_is_confirmed(
    case: AdapterCase, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    await send(case, client, world, await said(case, client, world, genuine(world)))
    async with transaction(engine) as db:
        marked = await db.raw.fetchval("SELECT is_provisional FROM payment")
    assert marked is case.is_provisional


async def test_what_did_not_succeed_books_nothing(
    case: AdapterCase, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    """Providers that only tell of successes have no such message; the money may still come later."""
    for state in case.notifies_of:
        message = await said(case, client, world, replace(genuine(world), state=state))
        answer = await send(case, client, world, message)
        assert answer.status_code < 500, answer.text
    assert (await books(engine, world))["payments"] == 0
    message = await said(case, client, world, genuine(world))
    await send(case, client, world, message)
    assert (await books(engine, world))["payments"] == 1


async def test_a_missing_field_is_refused(
    case: AdapterCase, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    message = await said(case, client, world, genuine(world), leave_out=case.missing)
    answer = await send(case, client, world, message)
    assert not case.ok(answer)
    assert answer.status_code < 500
    assert await books(engine, world) == NOTHING


async def test_money_for_an_account_that_is_not_the_schools_is_kept_in_suspense(
    case: AdapterCase, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    if not case.names_account:  # the merchant account itself is the account: another one has no key
        message = await said(case, client, world, genuine(world))
        answer = await send(case, client, world, replace(message, path=f"x{message.path}"))
        assert not case.ok(answer)
        assert await books(engine, world) == NOTHING
        return
    message = await said(case, client, world, replace(genuine(world), account="9999888877"))
    answer = await send(case, client, world, message)
    assert answer.status_code < 500
    expected = NOTHING | {"payments": 1, "notices": 1, "suspense_vnd": TOTAL_VND}
    assert await books(engine, world) == expected


async def test_an_unknown_reference_is_kept_in_suspense(
    case: AdapterCase, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    message = await said(case, client, world, replace(genuine(world), reference="HOCPHITHANG9"))
    for _ in range(2):  # the same answer again
        answer = await send(case, client, world, message)
        assert case.unknown_reference(answer), answer.text
    expected = NOTHING | {"payments": 1, "notices": 1, "suspense_vnd": TOTAL_VND}
    assert await books(engine, world) == expected


async def test_another_amount_than_asked_is_recorded_as_it_is(
    case: AdapterCase, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    message = await said(case, client, world, replace(genuine(world), amount_vnd=120_000))
    answer = await send(case, client, world, message)
    assert answer.status_code < 300
    assert await books(engine, world) == ONCE | {"paid_vnd": 120_000}


async def test_an_oversized_message_is_refused(
    case: AdapterCase, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    message = await said(case, client, world, genuine(world))
    padding = b" " * settings_for_tests().ipn_body_limit + b" "
    answer = await send(case, client, world, replace(message, body=message.body + padding))
    assert answer.status_code == 413
    assert await books(engine, world) == NOTHING


async def test_a_wrong_content_type_is_refused(
    case: AdapterCase, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    message = await said(case, client, world, genuine(world))
    headers = tuple((k, v) for k, v in message.headers if k != "content-type")
    wrong = replace(message, headers=(*headers, ("content-type", "text/plain")))
    if (
        message.method == "GET"
    ):  # a GET has no type: a body in its place is the wrong kind of message
        wrong = replace(wrong, method="POST", query="", body=message.query.encode())
    answer = await send(case, client, world, wrong)
    assert not case.ok(answer)
    assert answer.status_code < 500
    assert await books(engine, world) == NOTHING


async def test_fifty_copies_at_once_have_one_effect(
    case: AdapterCase, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    message = await said(case, client, world, genuine(world))
    answers = await asyncio.gather(*(send(case, client, world, message) for _ in range(50)))
    assert all(case.ok(a) or case.duplicate(a) for a in answers)
    assert await books(engine, world) == ONCE


async def test_an_unknown_address_is_refused_in_the_providers_words(
    case: AdapterCase, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    message = await said(case, client, world, genuine(world))
    nobody = replace(merchant_of(world, case.adapter), ipn_url=f"/ipn/{case.adapter}/nobody")
    answer = await deliver(client, nobody, message)
    assert not case.ok(answer)
    assert answer.status_code < 500
    assert await books(engine, world) == NOTHING


async def test_garbage_never_breaks_the_door(
    case: AdapterCase, client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    message = await said(case, client, world, genuine(world))
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
            case, client, world, replace(message, body=body, query="%ff=%00&=&vnp_Amount=")
        )
        assert answer.status_code < 500
        assert not case.ok(answer)
    assert await books(engine, world) == NOTHING
