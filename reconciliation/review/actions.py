"""What a person may do about an exception: pure rules from its reason and where its money stands.

Nothing is offered that the books would refuse, and nothing that would let money in suspense drop out
of sight: as long as it waits, its exception cannot be explained away.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.exceptions.reasons import Reason


class Action(StrEnum):
    """What can be done. All of them need a reason; `suspend`, `place` and `split` post to the books."""

    PLACE = "place"  # on one invoice; what is over becomes its pupil's credit
    SPLIT = "split"  # over several invoices, the rest to a pupil's credit or still waiting
    RETURN = "return"  # a refund is asked for
    SUSPEND = "suspend"  # what was placed is taken back out, to wait for a person
    EXPLAIN = "explain"  # closed by a person's word; no money moves
    NOTE = "note"
    ASK = "ask"  # a colleague, who sees it first from then on
    UNDO = "undo"  # the last decision, by a reversal of what it posted


class Place(StrEnum):
    """Where the money behind an exception stands."""

    WAITING = "waiting"  # in suspense, and this exception answers for it
    WAITING_ELSEWHERE = "waiting_elsewhere"  # in suspense, another exception answers for it
    PLACED = "placed"  # settles invoices or is a pupil's credit
    NOWHERE = "nowhere"  # there is none, or it has gone


PLACED = "placed"
REFUNDED = "refunded"
BY_WORD = ("explained", "accepted")
"""What a person may conclude without moving money."""

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

    credit_vnd: what of its money is a pupil's credit, VND. steps: its own postings that stand.
    has_refund: its money goes back by a refund of this house.
    """

    reason: str
    place: Place
    resolution: str | None = None
    credit_vnd: int = 0
    steps: int = 0
    has_refund: bool = False


def actions_for(standing: ExceptionState) -> tuple[Action, ...]:
    """What may be done now, the likeliest first."""
    talk = (Action.NOTE,) if standing.resolution else (Action.NOTE, Action.ASK)
    return (*_moves(standing), *_ends(standing), *talk)


def _moves(standing: ExceptionState) -> tuple[Action, ...]:
    if standing.resolution or standing.reason not in _ABOUT_PAYMENTS:
        return ()
    returned = () if standing.reason in _NOT_RETURNED else (Action.RETURN,)
    if standing.place is Place.WAITING:
        return (Action.PLACE, Action.SPLIT, *returned)
    if standing.place is Place.PLACED:
        return (*(returned if standing.credit_vnd else ()), Action.SUSPEND)
    return ()


def _ends(standing: ExceptionState) -> tuple[Action, ...]:
    undo = (Action.UNDO,) if _can_undo(standing) else ()
    if standing.resolution:
        return undo
    # money told for an account that is not the school's: nobody can place what never came
    waits = standing.place is Place.WAITING and standing.reason != Reason.WRONG_ACCOUNT
    return undo if waits else (Action.EXPLAIN, *undo)


def _can_undo(standing: ExceptionState) -> bool:
    if standing.resolution is None or standing.resolution == PLACED:
        return standing.steps > 0
    return standing.resolution in BY_WORD or (
        standing.resolution == REFUNDED and standing.has_refund
    )
