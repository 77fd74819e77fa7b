"""What an exception's detail keeps for the code: its own journals, its booking, its refund.

Whoever opens an exception may keep more in it for a person to read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict


class StepDetail(TypedDict):
    """A journal that a decision posted. invoice_id: what the exception was about before it."""

    journal_id: int
    invoice_id: int | None


class ExceptionDetail(TypedDict, total=False):
    """The keys that the code reads.

    steps: the journals of its decisions that stand, the oldest first. journal_id, rule: its booking as
    something else than a payment. refund_id: the refund of its money. denied: the settlement batches that
    a person has ruled out for its line.
    """

    steps: list[StepDetail]
    journal_id: int
    rule: str
    refund_id: int
    denied: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionSteps:
    """The journals of an exception's decisions, the oldest first. invoice_id: what it is about now."""

    exception_id: int
    invoice_id: int | None
    steps: Sequence[StepDetail]
