"""Notices on their way into the books: what came in, and what the database made of those that were first.

Values only; nothing here decides or writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from adapters.contract import Notice, Outcome, VerdictKind
from core.merchants.directory import Merchant


@dataclass(frozen=True, slots=True)
class InboundNotice:
    """A notice on its way in, with the bytes it was read from."""

    merchant: Merchant
    notice: Notice
    raw: bytes

    @property
    def identity(self) -> tuple[int, int, str]:
        """What makes the transaction the same one: owner, merchant account, provider transaction."""
        merchant = self.merchant
        return (merchant.school_id, merchant.merchant_account_id, self.notice.transaction_id)


@dataclass(frozen=True, slots=True)
class NewNotice:
    """A notice that was first, with the ids the database gave it and what its texts point at."""

    inbound: InboundNotice
    notice_id: int
    journal_id: int
    exact: tuple[str, ...]
    corrected: tuple[str, ...]


def likely_verdict(notice: Notice) -> str:
    """What nearly every notice comes to; the few others are updated once the rules have spoken."""
    return VerdictKind.RECORDED if notice.outcome is Outcome.PAID else VerdictKind.NOTED


def columns(rows: Iterable[Sequence[object]], width: int = 0) -> list[list[object]]:
    """Rows turned into one list per column; `width` lists where there may be no row."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    return columns or [[] for _ in range(width)]
