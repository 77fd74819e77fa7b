"""The parts that statements writing exceptions in bulk are composed of: columns, conflict rule, resolution.

For findings over a whole school (INSERT … SELECT) and for the one statement that records a batch of
payments. Texts given here are constants of the tree, never input.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from core.exceptions.reasons import Reason
from core.exceptions.resolutions import RECONCILIATION_ACTOR, Resolution
from core.kit.columns import Columns


@dataclass(frozen=True, slots=True, kw_only=True)
class NewException:
    """An exception to open. VND; `identity` names the fact, so that finding it again opens nothing new.

    amount_vnd: as large as the money it is about. detail: what else a person needs, as JSON.
    """

    school_id: int
    reason: Reason
    identity: str
    amount_vnd: int
    business_date: date
    notice_id: int | None = None
    payment_id: int | None = None
    statement_line_id: int | None = None
    invoice_id: int | None = None
    detail: Mapping[str, object] = field(default_factory=dict)


EXCEPTION: Final = Columns[NewException](
    ("school_id", "bigint", lambda one: one.school_id),
    ("reason", "text", lambda one: one.reason),
    ("identity", "text", lambda one: one.identity),
    ("amount_vnd", "bigint", lambda one: one.amount_vnd),
    ("business_date", "date", lambda one: one.business_date),
    ("notice_id", "bigint", lambda one: one.notice_id),
    ("payment_id", "bigint", lambda one: one.payment_id),
    ("statement_line_id", "bigint", lambda one: one.statement_line_id),
    ("invoice_id", "bigint", lambda one: one.invoice_id),
    ("detail", "jsonb", lambda one: json.dumps(one.detail, ensure_ascii=False)),
)
_INSERT: Final = f"INSERT INTO exception ({EXCEPTION.names})"
_FOUND_BEFORE: Final = "ON CONFLICT DO NOTHING"


def opening(
    reason: Reason,
    source: str,
    *,
    school_id: str,
    identity: str,
    amount_vnd: str,
    business_date: str,
    notice_id: str = "NULL",
    payment_id: str = "NULL",
    statement_line_id: str = "NULL",
    invoice_id: str = "NULL",
    detail: str = "'{}'",
) -> str:
    """An INSERT of an exception per row of `source` (`FROM … WHERE …`), each found once for ever.

    The other arguments are SQL expressions over `source`. A WITH may stand before it.
    """
    columns = (
        f"{school_id}, '{reason}', {identity}, {amount_vnd}, {business_date}, {notice_id}, {payment_id},"
        f" {statement_line_id}, {invoice_id}, {detail}"
    )
    return f"{_INSERT}\nSELECT {columns}\n{source}\n{_FOUND_BEFORE}"


def opening_given(first: int, on_conflict: str = _FOUND_BEFORE) -> str:
    """An INSERT of the exceptions in the arrays of `EXCEPTION`, from `${first}` on."""
    return f"{_INSERT}\nSELECT * FROM {EXCEPTION.unnest(first)}\n{on_conflict}"


def resolving(condition: str, *, resolution: str, actor: str, source: str = "") -> str:
    """An UPDATE that ends the open exceptions `e` of `condition`, which names their school.

    `resolution` and `actor` are SQL expressions, `source` a FROM clause.
    """
    return (
        f"UPDATE exception e SET resolution = {resolution}, resolved_by = {actor}, resolved_at = now()"  # noqa: S608 - constants of the tree
        f"\n{source}\n WHERE e.resolved_at IS NULL AND {condition}"
    )


def withdrawing(condition: str, source: str = "") -> str:
    """An UPDATE by which a reconciliation withdraws earlier findings `e` of `condition`: see `resolving`."""
    return resolving(
        condition,
        resolution=f"'{Resolution.MATCHED_LATER}'",
        actor=f"'{RECONCILIATION_ACTOR}'",
        source=source,
    )
