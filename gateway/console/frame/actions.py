"""What every screen and action of the console has in common, as decorators beneath the route's own.

    @get("/refunds/{refund_id:int}", operation_id="console_refund")
    @in_transaction
    async def show_refund(request: ConsoleRequest, db: Driver, refund_id: RowId) -> Page: …

    @post("/refunds/{refund_id:int}/approve", operation_id="console_approve_refund", status_code=303)
    @action(refused_on=show_refund)
    async def approve(request: ConsoleRequest, db: Driver, refund_id: RowId) -> Redirect: …

A `DomainError` rolls the action back; the screen answers, with `request.problem` saying why. It must never
catch anything else: what was not refused has failed.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import update_wrapper
from typing import Any, Concatenate, TypeAlias

from litestar.handlers import HTTPRouteHandler

from core.kit.database import Driver, borrowed, transaction
from core.kit.errors import DomainError
from core.payments.ingest.group_commit import announce_paid
from gateway.console.frame.screen import Page
from gateway.console.frame.session import SHOWS_REFUSALS, ConsoleRequest

Handler: TypeAlias = Callable[..., Awaitable[Page]]
"""Called by the framework, with everything by name and the request among it."""
TransactionHandler: TypeAlias = Callable[Concatenate[ConsoleRequest, Driver, ...], Awaitable[Page]]


def in_transaction(handler: TransactionHandler) -> Handler:
    """Give `handler` a connection `db` in one transaction, committed once it has an answer.

    After the commit the pages of the invoices in `request.paid` hear of it.
    """

    async def run(request: ConsoleRequest, **given: Any) -> Page:
        await request.form()  # all of the body, before a connection is taken for it
        async with transaction(request.context.engine) as db:
            answer = await handler(request, db, **given)
        if request.paid:
            async with borrowed(request.context.engine) as db:
                await announce_paid(db, request.paid)
        return answer

    update_wrapper(run, handler)
    signature = inspect.signature(handler)
    asked_for = [one for name, one in signature.parameters.items() if name != "db"]
    vars(run)["__signature__"] = signature.replace(parameters=asked_for)
    return run


def refusals_shown_on(
    screen: Handler | HTTPRouteHandler, *, unless: tuple[type[DomainError], ...] = ()
) -> Callable[[Handler], Handler]:
    """Answer a `DomainError` of a handler with `screen`, which shows it as `request.problem`.

    The screen is given what the handler was given under the names of its own parameters. `unless`:
    refusals after which there is nothing left for the screen to show; they are raised.
    """
    show: Handler = screen.fn if isinstance(screen, HTTPRouteHandler) else screen
    wanted = {n: one for n, one in inspect.signature(show).parameters.items() if n != "request"}

    def decorate(handler: Handler) -> Handler:
        missing = [name for name, one in wanted.items() if one.default is one.empty]
        missing = [name for name in missing if name not in inspect.signature(handler).parameters]
        if missing:
            raise TypeError(f"{handler.__qualname__} lacks what its screen needs: {missing}")

        async def run(request: ConsoleRequest, **given: Any) -> Page:
            try:
                if request.problem is not None:  # a guard's
                    raise request.problem
                return await handler(request, **given)
            except unless:
                raise
            except DomainError as problem:
                request.problem = problem
            return await show(request, **{n: value for n, value in given.items() if n in wanted})

        update_wrapper(run, handler)
        vars(run)[SHOWS_REFUSALS] = True
        return run

    return decorate


def action(
    *, refused_on: Handler | HTTPRouteHandler, unless: tuple[type[DomainError], ...] = ()
) -> Callable[[TransactionHandler], Handler]:
    """A handler in one transaction, whose refusals are shown on a screen (see `refusals_shown_on`)."""
    shown = refusals_shown_on(refused_on, unless=unless)
    return lambda handler: shown(in_transaction(handler))
