"""What a person may do about an exception: pure rules from its reason and where its money is.

Nothing is offered that the books would refuse, and nothing that would let money in suspense drop out
of sight: as long as it is there, its exception cannot be explained away.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.exceptions.reasons import Reason
from core.exceptions.resolutions import BY_WORD, Resolution


class Action(StrEnum):
    """What can be done. All need a reason; `SUSPEND`, `ALLOCATE` and `SPLIT` post to the books."""

    ALLOCATE = "place"  # to one invoice; what is over becomes its pupil's credit
    SPLIT = "split"  # over several invoices, the rest to a pupil's credit or still in suspense
    RETURN = "return"  # a refund is asked for
    SUSPEND = "suspend"  # what was allocated is taken to suspense
    EXPLAIN = "explain"  # closed by a person, without any posting
    NOTE = "note"
    ASK = "ask"  # a colleague, who sees it first from then on
    UNDO = "undo"  # the last decision, by a reversal of what it posted


class MoneyState(StrEnum):
    """Where the money behind an exception is."""

    SUSPENDED = "suspended"  # in suspense, and this exception is why
    SUSPENDED_ELSEWHERE = "suspended_elsewhere"  # in suspense, another exception is why
    ALLOCATED = "allocated"  # settles invoices or is a pupil's credit
    NONE = "none"  # there is none, or it has gone


_ABOUT_PAYMENTS = frozenset(
    {
        Reason.UNKNOWN_REFERENCE,
        Reason.AMOUNT_MISMATCH,
        Reason.DUPLICATE_PAYMENT,
        Reason.MISSING_IN_STATEMENT,
        Reason.MISSING_NOTICE,
        Reason.CLOSED_INVOICE,
        Reason.WRONG_ACCOUNT,
    }
)
_NOT_RETURNED = frozenset({Reason.MISSING_IN_STATEMENT})
"""Money that the bank does not show cannot be given back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionState:
    """An exception as the rules see it.

    credit_vnd: what of its money is a pupil's credit, VND. steps: its own journals that are not reversed.
    has_refund: its money goes back by a refund of the school.
    """

    reason: Reason
    money: MoneyState
    resolution: Resolution | None = None
    credit_vnd: int = 0
    steps: int = 0
    has_refund: bool = False


def actions_for(state: ExceptionState) -> tuple[Action, ...]:
    """What may be done now, the likeliest first."""
    notes = (Action.NOTE,) if state.resolution else (Action.NOTE, Action.ASK)
    return (*_money_actions(state), *_closing_actions(state), *notes)


def _money_actions(state: ExceptionState) -> tuple[Action, ...]:
    if state.resolution or state.reason not in _ABOUT_PAYMENTS:
        return ()
    returned = () if state.reason in _NOT_RETURNED else (Action.RETURN,)
    if state.money is MoneyState.SUSPENDED:
        return (Action.ALLOCATE, Action.SPLIT, *returned)
    if state.money is MoneyState.ALLOCATED:
        return (*(returned if state.credit_vnd else ()), Action.SUSPEND)
    return ()


def _closing_actions(state: ExceptionState) -> tuple[Action, ...]:
    undo = (Action.UNDO,) if _can_undo(state) else ()
    if state.resolution:
        return undo
    # money reported for an account that is not the school's: nobody can allocate what never came
    is_held = state.money is MoneyState.SUSPENDED and state.reason is not Reason.WRONG_ACCOUNT
    return undo if is_held else (Action.EXPLAIN, *undo)


def _can_undo(state: ExceptionState) -> bool:
    if state.resolution in {None, Resolution.ALLOCATED}:
        return state.steps > 0
    return state.resolution in BY_WORD or (
        state.resolution is Resolution.REFUNDED and state.has_refund
    )
