"""Why a payment and a line of the statement are the same money, in words an accountant reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from adapters.messages import Message, msg, pmsg
from core.kit.database import Driver
from reconciliation.matching.queries import MatchEvidence, matched_lines

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
class MatchReason:
    """The day of a payment's line on the statement, and the sentence why it is the same money."""

    posted_on: date
    sentence: Message


def match_sentence(rule: str, evidence: MatchEvidence) -> Message:
    """Why it matches: the rule, what agreed, days apart, what else would have fitted.

    Matches of before alternatives were kept name none.
    """
    what: Message | str = RULES.get(rule, rule)
    seen = evidence.get("seen", "")[:MAX_SEEN]
    if seen and rule in _WITH_SEEN:
        parts = [msg("Khớp theo {what} {seen}", what=what, seen=seen)]
    else:
        parts = [msg("Khớp theo {what}", what=what)]
    parts.append(_apart(abs(evidence.get("days_apart", 0))))
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


def _others(alternatives: int | list[object] | None) -> int | None:
    """How many others were considered; None where that was not kept."""
    return len(alternatives) if isinstance(alternatives, list) else alternatives


async def match_reasons(
    db: Driver, school_id: int, payment_ids: Sequence[int]
) -> Mapping[int, MatchReason]:
    """payment -> its line on the statement; those that no line shows are left out."""
    return {
        one.payment_id: MatchReason(one.posted_on, match_sentence(one.rule, one.evidence))
        for one in await matched_lines(db, school_id, payment_ids)
    }
