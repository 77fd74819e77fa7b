"""Who is at the console: looked up on every request by a guard, and what only some of them may do.

The guard `require_login` stands on the router, so a screen cannot be added without it. Cookies carry a
random token only; what it means is in the database.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.handlers import BaseRouteHandler

from core.identity.service import Role, User, user_of
from core.kit.database import transaction
from core.kit.errors import DomainError, ForbiddenError
from core.schools.queries import summary_of
from gateway.context import AppContext

COOKIE: Final = "hocphi_session"
SHOWS_REFUSALS: Final = "shows_refusals"
"""Marks a handler that shows why it was refused on a screen of its own (`actions.refusals_shown_on`)."""

Connection: TypeAlias = ASGIConnection[Any, Any, Any, Any]
Guard: TypeAlias = Callable[[Connection, BaseRouteHandler], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Staff:
    """Who is signed in, at which school, and how much waits for a person there."""

    user: User
    school_name: str
    open_exception_count: int

    @property
    def actor(self) -> str:
        """The name under which what is done here is recorded."""
        return self.user.username


class ConsoleRequest(Request[Staff, None, State]):
    """A request of somebody who is signed in."""

    problem: DomainError | None = None
    """Why what was asked for is refused; the screen that answers shows it."""
    paid: frozenset[tuple[int, int]] = frozenset()
    """Invoices that changed; their pages are notified after the commit: (school id, invoice id)."""

    @property
    def staff(self) -> Staff:
        """Whoever the guard let in."""
        return self.user

    @property
    def is_approver(self) -> bool:
        """Whether whoever is signed in may approve what others prepare."""
        return self.staff.user.role is Role.APPROVER

    @property
    def school_id(self) -> int:
        """The one school that this request may see."""
        return self.staff.user.school_id

    @property
    def actor(self) -> str:
        """The name under which what is done here is recorded."""
        return self.staff.actor

    def announce(self, invoice_ids: Iterable[int]) -> None:
        """Have the pages of these invoices notified after the commit."""
        self.paid = frozenset((self.school_id, one) for one in invoice_ids)

    @property
    def context(self) -> AppContext:
        """The parts of the running service."""
        found: AppContext = self.app.state.context
        return found


class LoginNeededError(Exception):
    """Nobody is signed in."""


async def require_login(connection: Connection, _: BaseRouteHandler) -> None:
    """Guard: look up the session's user, or raise LoginNeededError."""
    token = connection.cookies.get(COOKIE, "")
    if not token:
        raise LoginNeededError
    context: AppContext = connection.app.state.context
    async with transaction(context.engine) as db:
        user = await user_of(db, token)
        if user is None:
            raise LoginNeededError
        school = await summary_of(db, user.school_id)
    connection.scope["user"] = Staff(user, school.name, school.open_exception_count)


def only(role: Role, refusal: type[ForbiddenError]) -> Guard:
    """Guard: nobody but `role` does this.

    An action with a screen of its own (`actions.refusals_shown_on`) shows the refusal there, and does nothing;
    elsewhere it is raised.
    """

    async def check(connection: Connection, handler: BaseRouteHandler) -> None:
        assert isinstance(connection, ConsoleRequest)
        if connection.staff.user.role is role:
            return
        if SHOWS_REFUSALS not in vars(handler.fn):
            raise refusal
        connection.problem = refusal()

    return check
