"""Why a payment and a line of the statement are the same money, in words an accountant reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from core.kit.database import Driver

Words = tuple[str, str]

RULES: Final[Mapping[str, Words]] = {
    "bank_transaction_id": ("mã giao dịch của ngân hàng", "the bank's transaction number"),
    "exact_reference": ("mã tham chiếu", "the reference"),
    "corrected_reference": ("mã tham chiếu đã sửa lỗi", "the reference, corrected"),
    "same_content": ("nội dung giống hệt", "the same text"),
    "contained_content": ("nội dung nằm trong nội dung sao kê", "the text within the statement's"),
    "created_from_statement": (
        "dòng sao kê (không có báo có)",
        "the statement's line (no notice came)",
    ),
}
_WITH_SEEN: Final = frozenset({"bank_transaction_id", "exact_reference", "corrected_reference"})
MAX_SEEN: Final = 60


@dataclass(frozen=True, slots=True)
class Matched:
    """A payment's line on the statement, and the sentence that says why it is the same money."""

    payment_id: int
    posted_on: date
    sentence: Words


def evidence_words(rule: str, evidence: Mapping[str, Any]) -> Words:
    """(Vietnamese, English) of a match: rule, what agreed, days apart, what else would have fitted.

    Matches of before alternatives were kept say nothing of them.
    """
    vi, en = RULES.get(rule, (rule, rule))
    seen = str(evidence.get("seen") or "")[:MAX_SEEN]
    if seen and rule in _WITH_SEEN:
        vi, en = f"{vi} {seen}", f"{en} {seen}"
    days = abs(int(evidence.get("days_apart") or 0))
    parts_vi = [f"Khớp theo {vi}", f"lệch {days} ngày" if days else "cùng ngày"]
    parts_en = [
        f"Matched by {en}",
        f"{days} days apart" if days > 1 else ("one day apart" if days else "the same day"),
    ]
    others = _others(evidence.get("alternatives"))
    if others == 0:
        parts_vi.append("không có khoản nào khác phù hợp")
        parts_en.append("nothing else fitted")
    elif others:
        parts_vi.append(f"còn {others} khoản khác cũng phù hợp")
        parts_en.append(f"{others} others fitted too")
    return ", ".join(parts_vi) + ".", ", ".join(parts_en) + "."


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
            evidence_words(row["rule"], json.loads(row["evidence"])),
        )
        for row in rows
    }
