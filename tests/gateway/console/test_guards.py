"""What only an approver may do: refused by a guard, shown on the action's own screen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from litestar import post
from litestar.routes import HTTPRoute
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import World, make_world
from support.serving import gateway_client, settings_for_tests
from support.staff import ConsoleSession, hire

from core.identity.service import Role, User
from core.kit.database import Driver, transaction
from gateway.app import create_app
from gateway.console.errors import ChannelSwitchError
from gateway.console.frame.actions import action, in_transaction
from gateway.console.frame.screen import Page
from gateway.console.frame.session import SHOWS_REFUSALS, ConsoleRequest, Staff, only

APPROVERS_ONLY = {
    "/console/schedules/{schedule_id:int}/approve",
    "/console/refunds/{refund_id:int}/approve",
    "/console/refunds/{refund_id:int}/reject",
    "/console/channels/{channel_id:int}/switch",
    "/console/chart-accounts",
    "/console/reconciliation/reopen",
}


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway_client(database_url) as client:
        yield client


@pytest.fixture
async def console(client: httpx.AsyncClient, engine: AsyncEngine) -> ConsoleSession:
    """An accountant, signed in."""
    async with transaction(engine) as db:
        world: World = await make_world(db, [700_000])
    await hire(engine, world, "ketoan")
    console = ConsoleSession(client)
    await console.sign_in("ketoan")
    await console.get("/console")
    return console


def request_of(role: Role) -> ConsoleRequest:
    """A request of somebody with this role."""
    staff = Staff(User(1, 1, "lan", "Lan", role), "Hoa Sen", 0)
    scope: Any = {"type": "http", "user": staff}
    return ConsoleRequest(scope)


async def test_every_guarded_action_shows_its_refusal_on_a_screen(database_url: str) -> None:
    app = create_app(settings_for_tests(), database_url)
    guarded = {
        route.path: SHOWS_REFUSALS in vars(handler.fn)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if route.path.startswith("/console") and handler.guards
    }
    assert guarded == dict.fromkeys(APPROVERS_ONLY, True)


@pytest.mark.parametrize(
    ("path", "fields", "shown", "refusal"),
    [
        ("/console/chart-accounts", {}, "<h1>Hệ thống tài khoản</h1>", "mới đổi được tài khoản"),
        (
            "/console/reconciliation/reopen",
            {"day": "2026-09-10"},
            "Chốt ngày 10/09/2026",
            "mới duyệt mở lại được",
        ),
    ],
)
async def test_the_screen_stands_below_the_refusal(
    console: ConsoleSession, path: str, fields: dict[str, str], shown: str, refusal: str
) -> None:
    answer = await console.send(path, **fields)
    assert answer.status_code == 403
    assert f"Chỉ người có vai trò duyệt {refusal}." in answer.text
    assert shown in answer.text


async def test_a_guard_without_a_screen_raises() -> None:
    @post("/switch")
    async def bare() -> None:
        raise AssertionError("the guard let it in")

    guard = only(Role.APPROVER, ChannelSwitchError)
    with pytest.raises(ChannelSwitchError):
        await guard(request_of(Role.ACCOUNTANT), bare)
    await guard(request_of(Role.APPROVER), bare)


def test_an_action_gives_its_screen_what_it_needs() -> None:
    @in_transaction
    async def show(request: ConsoleRequest, db: Driver, row_id: int) -> Page:
        raise AssertionError(request, db, row_id)

    with pytest.raises(TypeError, match="row_id"):

        @action(refused_on=show)
        async def act(request: ConsoleRequest, db: Driver) -> Page:
            raise AssertionError(request, db)
