"""Why a payment and a line of the statement are the same money, in words an accountant reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from adapters.messages import Message, msg, pmsg
from core.kit.database import Driver

RULES: Final[Mapping[str, Message]] = {
    "bank_transaction_id": msg("mã giao dịch của ngân hàng"),
    "exact_reference": msg("mã tham chiếu"),
    "corrected_reference": msg("mã tham chiếu đã sửa lỗi"),
    "same_content": msg("nội dung giống hệt"),
    "contained_content": msg("nội dung nằm trong nội dung sao kê"),
    "created_from_statement": msg("dòng sao kê (không có báo có)"),
}
_WITH_SEEN: Final = frozenset({"bank_transaction_id", "exact_reference", "corrected_reference"})
MAX_SEEN: Final = 60


@dataclass(frozen=True, slots=True)
class Matched:
    """A payment's line on the statement, and the sentence that says why it is the same money."""

    payment_id: int
    posted_on: date
    sentence: Message


def match_sentence(rule: str, evidence: Mapping[str, Any]) -> Message:
    """Why it matches: the rule, what agreed, days apart, what else would have fitted.

    Matches of before alternatives were kept say nothing of them.
    """
    what: Message | str = RULES.get(rule, rule)
    seen = str(evidence.get("seen") or "")[:MAX_SEEN]
    if seen and rule in _WITH_SEEN:
        parts = [msg("Khớp theo {what} {seen}", what=what, seen=seen)]
    else:
        parts = [msg("Khớp theo {what}", what=what)]
    parts.append(_apart(abs(int(evidence.get("days_apart") or 0))))
    others = _others(evidence.get("alternatives"))
    if others == 0:
        parts.append(msg("không có khoản nào khác phù hợp"))
    elif others:
        parts.append(msg("còn {count} khoản khác cũng phù hợp", count=others))
    return msg("{parts}.", parts=tuple(parts))


def _apart(days: int) -> Message:
    if not days:
        return msg("cùng ngày")
    if days == 1:
        return pmsg("one", "lệch {days} ngày", days=days)
    return msg("lệch {days} ngày", days=days)


def _others(alternatives: object) -> int | None:
    """How many others were considered; None where that was not kept."""
    if isinstance(alternatives, int) and not isinstance(alternatives, bool):
        return alternatives
    return len(alternatives) if isinstance(alternatives, list) else None


async def matched_of(
    db: Driver, school_id: int, payment_ids: Sequence[int]
) -> Mapping[int, Matched]:
    """payment -> its line on the statement; those that no line shows are left out."""
    if not payment_ids:
        return {}
    rows = await db.raw.fetch(
        """
        SELECT m.payment_id, m.rule, m.evidence::text AS evidence, s.posted_on
          FROM match m
          JOIN statement_line s ON s.school_id = m.school_id AND s.id = m.statement_line_id
         WHERE m.school_id = $1 AND m.payment_id = ANY($2::bigint[]) ORDER BY m.statement_line_id
        """,
        school_id,
        list(payment_ids),
    )
    return {
        row["payment_id"]: Matched(
            row["payment_id"],
            row["posted_on"],
            match_sentence(row["rule"], json.loads(row["evidence"])),
        )
        for row in rows
    }
