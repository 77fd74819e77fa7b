"""The lock that every decision about an exception takes first, and what refuses the decision then.

Locks are taken in one order everywhere: exceptions, their payments, invoices; each by number.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.exceptions.errors import NoSuchExceptionError
from core.kit.database import Command, Driver
from core.kit.errors import DomainError
from reconciliation.review.actions import Action, MoneyState
from reconciliation.review.errors import (
    ActionNotAllowedError,
    AlreadyResolvedByError,
    ExceptionChangedError,
    MoneyInSuspenseError,
    NothingToUndoError,
    NotInSuspenseError,
)
from reconciliation.review.queue import ExceptionRow, exceptions_of

LOCK_EXCEPTIONS = Command(
    "SELECT id FROM exception WHERE school_id = $1 AND id = ANY($2::bigint[]) ORDER BY id FOR UPDATE"
)
LOCK_THEIR_PAYMENTS = Command(
    "SELECT p.id FROM payment p WHERE p.school_id = $1 AND p.id IN (SELECT payment_id FROM exception"
    " WHERE school_id = $1 AND id = ANY($2::bigint[])) ORDER BY p.id FOR UPDATE"
)
LOCK_EXCEPTIONS_OF_PAYMENTS = Command(
    "SELECT id FROM exception WHERE school_id = $1 AND payment_id = ANY($2::bigint[])"
    " ORDER BY id FOR UPDATE"
)
LOCK_PAYMENTS = Command(
    "SELECT id FROM payment WHERE school_id = $1 AND id = ANY($2::bigint[]) ORDER BY id FOR UPDATE"
)


async def lock_exceptions(
    db: Driver, school_id: int, exception_ids: Sequence[int]
) -> tuple[ExceptionRow, ...]:
    """These exceptions, locked with their payments, as they are now."""
    await db.execute(LOCK_EXCEPTIONS, school_id, list(exception_ids))
    await db.execute(LOCK_THEIR_PAYMENTS, school_id, list(exception_ids))
    return await exceptions_of(db, school_id, exception_ids)


async def lock_payments(db: Driver, school_id: int, payment_ids: Sequence[int]) -> None:
    """Lock payments, and before them whatever exceptions they have."""
    await db.execute(LOCK_EXCEPTIONS_OF_PAYMENTS, school_id, list(payment_ids))
    await db.execute(LOCK_PAYMENTS, school_id, list(payment_ids))


async def lock_for(
    db: Driver, school_id: int, exception_id: int, action: Action, *, mark: str | None
) -> ExceptionRow:
    """One exception, locked, for which `action` is allowed. `mark` None: whatever it was before.

    Raises NoSuchExceptionError, AlreadyResolvedByError, ExceptionChangedError where it is not as `mark`
    names it, and NotInSuspenseError, NothingToUndoError, MoneyInSuspenseError or ActionNotAllowedError.
    """
    found = await lock_exceptions(db, school_id, [exception_id])
    if not found:
        raise NoSuchExceptionError
    row = found[0]
    if row.resolution is not None and action not in {Action.UNDO, Action.NOTE}:
        raise AlreadyResolvedByError(row.resolved_by or "")
    if mark is not None and mark != row.mark:
        raise ExceptionChangedError
    if action not in row.actions:
        raise _refusal(row, action)
    return row


def _refusal(row: ExceptionRow, action: Action) -> DomainError:
    if action in {Action.ALLOCATE, Action.SPLIT}:
        return NotInSuspenseError()
    if action is Action.UNDO:
        return NothingToUndoError()
    if action is Action.EXPLAIN and row.money_state is MoneyState.SUSPENDED:
        return MoneyInSuspenseError()
    return ActionNotAllowedError()
