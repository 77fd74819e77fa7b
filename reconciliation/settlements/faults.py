"""What is wrong with a settlement file: another provider's or account's, sums that differ, lines that changed.

Reads only. One fault refuses the whole file; nothing of it must be written then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from adapters.settlements import Kind, Settlement, SettlementGap, SettlementLine, name_of
from core.kit.database import Driver, Query
from core.kit.errors import fault
from core.kit.faults import Fault
from core.kit.texts import msg


@dataclass(frozen=True, slots=True)
class NamedLine:
    """A line with its identity and the name of its batch."""

    line: SettlementLine
    identity: str
    batch: str


LATER: Final = " +"
"""What comes for a batch after it was booked is a batch of its own: "B1 +1"."""


def base_name(name: str) -> str:
    """The provider's own name of a batch: "B1" of "B1 +1"."""
    head, mark, number = name.rpartition(LATER)
    return head if mark and number.isdigit() else name


async def every_fault(
    db: Driver,
    school_id: int,
    merchant_account_id: int,
    adapter: str,
    read: Settlement,
    named: Sequence[NamedLine],
    known: frozenset[str],
) -> tuple[Fault, ...]:
    """All that is wrong with a file; `known` are identities that an earlier file brought."""
    return (
        *faults_of_file(read, adapter),
        *await faults_of_another_account(db, school_id, merchant_account_id, adapter, read.lines),
        *await changed_lines(db, school_id, merchant_account_id, named, known),
    )


def faults_of_file(read: Settlement, adapter: str) -> list[Fault]:
    """Everything that the file itself has wrong."""
    faults: list[Fault] = []
    if read.provider and read.provider != adapter:
        text = msg(
            "tệp là của «{found}», kênh đã chọn là «{adapter}».",
            found=read.provider,
            adapter=adapter,
        )
        faults.append(fault("other_provider", text, value=read.provider))
    if not read.lines:
        faults.append(fault("no_lines", msg("tệp không có dòng nào.")))
    return faults + [_gap_fault(gap) for gap in read.gaps]


def _gap_fault(gap: SettlementGap) -> Fault:
    if gap.what == "count":
        text = msg(
            "{what} không khớp: tính ra {expected}, tệp ghi {found}.",
            what=gap.what,
            expected=gap.expected,
            found=gap.found,
        )
    else:
        text = msg(
            "{what} không khớp: tính ra {expected:vnd}, tệp ghi {found:vnd}.",
            what=gap.what,
            expected=gap.expected,
            found=gap.found,
        )
    return fault("settlement_gap", text, row=gap.row, column=gap.what, value=str(gap.found))


# orders that another account of the same provider opened or has notices of, and this one does not
OF_ANOTHER_ACCOUNT = Query(
    str,
    """
WITH known AS (
  SELECT c.merchant_reference AS reference, c.merchant_account_id AS account_id FROM checkout c
   WHERE c.school_id = $1 AND c.merchant_reference = ANY($4::text[])
  UNION
  SELECT n.merchant_reference, n.merchant_account_id FROM notice n
   WHERE n.school_id = $1 AND n.merchant_reference <> '' AND n.merchant_reference = ANY($4::text[])
)
SELECT k.reference FROM known k JOIN merchant_account m ON m.school_id = $1 AND m.id = k.account_id
 WHERE m.adapter = $3
 GROUP BY k.reference HAVING bool_and(k.account_id <> $2) ORDER BY 1
""",
)


async def faults_of_another_account(
    db: Driver,
    school_id: int,
    merchant_account_id: int,
    adapter: str,
    lines: Sequence[SettlementLine],
) -> list[Fault]:
    """A file of another account of the provider: its payments would be recorded a second time."""
    orders = {name_of(adapter, line).merchant_reference for line in lines} - {""}
    others = await db.fetch(
        OF_ANOTHER_ACCOUNT, school_id, merchant_account_id, adapter, sorted(orders)
    )
    if not others:
        return []
    text = msg("{count} giao dịch là của kênh thu khác cùng nhà cung cấp.", count=len(others))
    return [fault("other_account", text, column="merchant_reference", value=others[0])]


@dataclass(frozen=True, slots=True)
class ReportedAmounts:
    """What an earlier file reported of a transaction in a batch, VND."""

    number: str
    batch: str
    gross_vnd: int
    fee_vnd: int
    vat_vnd: int


REPORTED = Query(
    ReportedAmounts,
    """
SELECT DISTINCT l.provider_transaction_id AS number, b.name AS batch, l.gross_vnd, l.fee_vnd, l.vat_vnd
  FROM settlement_line l
  JOIN settlement_batch b ON b.school_id = l.school_id AND b.id = l.settlement_batch_id
 WHERE l.school_id = $1 AND l.merchant_account_id = $2 AND l.kind = 'pay'
   AND l.provider_transaction_id = ANY($3::text[])
""",
)


async def changed_lines(
    db: Driver,
    school_id: int,
    merchant_account_id: int,
    named: Sequence[NamedLine],
    known: frozenset[str],
) -> list[Fault]:
    """New payments that an earlier line of the same batch reported with other amounts, in this file or before."""
    new = [
        one
        for one in named
        if one.identity not in known
        and one.line.kind is Kind.PAY
        and one.line.provider_transaction_id
    ]
    numbers = [one.line.provider_transaction_id for one in new]
    amounts_of: dict[tuple[str, str], set[tuple[int, int, int]]] = {}
    for one in await db.fetch(REPORTED, school_id, merchant_account_id, numbers):
        key = (one.number, base_name(one.batch))
        amounts_of.setdefault(key, set()).add((one.gross_vnd, one.fee_vnd, one.vat_vnd))
    faults = []
    for found in new:
        line = found.line
        amounts = (line.gross_vnd, line.fee_vnd, line.vat_vnd)
        others = amounts_of.setdefault((line.provider_transaction_id, found.batch), set())
        if others and amounts not in others:
            faults.append(
                fault(
                    "changed_line",
                    msg("giao dịch này đã được báo trong cùng lô với số tiền khác."),
                    row=line.row,
                    column="provider_transaction_id",
                    value=line.provider_transaction_id,
                )
            )
        others.add(amounts)
    return faults
