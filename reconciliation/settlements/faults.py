"""What stands against a settlement file: another provider's or account's, sums that differ, lines told otherwise.

Reads only. The first fault refuses the whole file; nothing of it is written then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from adapters.settlements import Kind, Settlement, SettlementLine, name_of
from core.kit.database import Driver
from core.kit.faults import Fault
from core.kit.money import format_vnd


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
    """All that stands against importing a file; `known` are identities that an earlier file brought."""
    return (
        *faults_of_file(read, adapter),
        *await faults_of_another_account(db, school_id, merchant_account_id, adapter, read.lines),
        *await changed_lines(db, school_id, merchant_account_id, named, known),
    )


def faults_of_file(read: Settlement, adapter: str) -> list[Fault]:
    """Everything that the file itself has wrong."""
    faults: list[Fault] = []
    if read.provider and read.provider != adapter:
        faults.append(
            Fault(
                code="other_provider",
                vi=f"tệp là của «{read.provider}», kênh đã chọn là «{adapter}».",
                en=f"The file is of «{read.provider}», the channel is «{adapter}».",
                value=read.provider,
            )
        )
    if not read.lines:
        faults.append(Fault(code="no_lines", vi="tệp không có dòng nào.", en="There is no line."))
    faults += [
        Fault(
            code="settlement_gap",
            vi=f"{gap.what} không khớp: tính ra {_figure(gap.what, gap.expected, 'vi')},"
            f" tệp ghi {_figure(gap.what, gap.found, 'vi')}.",
            en=f"{gap.what} does not add up: {_figure(gap.what, gap.expected, 'en')} expected,"
            f" {_figure(gap.what, gap.found, 'en')} printed.",
            row=gap.row,
            column=gap.what,
            value=str(gap.found),
        )
        for gap in read.gaps
    ]
    return faults


def _figure(what: str, value: int, lang: str) -> str:
    return str(value) if what == "count" else format_vnd(value, lang)


# orders that another account of the same provider opened or was told of, and this one was not
OF_ANOTHER_ACCOUNT = """
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
"""


async def faults_of_another_account(
    db: Driver,
    school_id: int,
    merchant_account_id: int,
    adapter: str,
    lines: Sequence[SettlementLine],
) -> list[Fault]:
    """A file of another account of the provider: its payments would be recorded a second time."""
    orders = {name_of(adapter, line).merchant_reference for line in lines} - {""}
    rows = await db.raw.fetch(
        OF_ANOTHER_ACCOUNT, school_id, merchant_account_id, adapter, sorted(orders)
    )
    if not rows:
        return []
    return [
        Fault(
            code="other_account",
            vi=f"{len(rows)} giao dịch là của kênh thu khác cùng nhà cung cấp.",
            en=f"{len(rows)} transactions are of another account with this provider.",
            column="merchant_reference",
            value=rows[0]["reference"],
        )
    ]


async def changed_lines(
    db: Driver,
    school_id: int,
    merchant_account_id: int,
    named: Sequence[NamedLine],
    known: frozenset[str],
) -> list[Fault]:
    """New payments that an earlier line of the same batch told with other amounts, in this file or before."""
    fresh = [
        one
        for one in named
        if one.identity not in known
        and one.line.kind is Kind.PAY
        and one.line.provider_transaction_id
    ]
    rows = await db.raw.fetch(
        """
        SELECT DISTINCT l.provider_transaction_id, b.name, l.gross_vnd, l.fee_vnd, l.vat_vnd
          FROM settlement_line l
          JOIN settlement_batch b ON b.school_id = l.school_id AND b.id = l.settlement_batch_id
         WHERE l.school_id = $1 AND l.merchant_account_id = $2 AND l.kind = 'pay'
           AND l.provider_transaction_id = ANY($3::text[])
        """,
        school_id,
        merchant_account_id,
        [one.line.provider_transaction_id for one in fresh],
    )
    said: dict[tuple[str, str], set[tuple[int, int, int]]] = {}
    for row in rows:
        key = (row["provider_transaction_id"], base_name(row["name"]))
        said.setdefault(key, set()).add((row["gross_vnd"], row["fee_vnd"], row["vat_vnd"]))
    faults = []
    for one in fresh:
        line = one.line
        amounts = (line.gross_vnd, line.fee_vnd, line.vat_vnd)
        others = said.setdefault((line.provider_transaction_id, one.batch), set())
        if others and amounts not in others:
            faults.append(
                Fault(
                    code="changed_line",
                    vi="giao dịch này đã được báo trong cùng lô với số tiền khác.",
                    en="This transaction was told in the same batch with other amounts.",
                    row=line.row,
                    column="provider_transaction_id",
                    value=line.provider_transaction_id,
                )
            )
        others.add(amounts)
    return faults
