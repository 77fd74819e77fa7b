"""What a customer's code owes: the answer to a bank's counter or the portal before they take money.

A code is an invoice's or a pupil's reference, the school's code of a pupil, or a file's code. Only
what is payable to the merchant account's own bank account is told, names are masked unless the
account's contract says otherwise, and an unknown code tells nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from adapters.contract import Bill, BillLine, Debt, Payee, Payer, Procedure
from core.kit.database import Driver
from core.kit.text import mask_name
from core.merchants.directory import Merchant

FULL_NAMES = "full"
"""The value of a merchant account's setting `names` that lets full names out; the default masks them."""

_COLUMNS = """
       s.code, s.full_name, s.reference AS standing, g.full_name AS guardian,
       i.reference, i.total_vnd, i.total_vnd - i.paid_vnd AS open_vnd, i.due_on, f.name AS title,
       (SELECT json_agg(json_build_array(e.code, l.description, l.amount_vnd, e.procedure_code,
                                         e.procedure_name, e.service_code, e.service_name)
                        ORDER BY l.line_no)
          FROM invoice_line l JOIN fee_item e ON e.school_id = l.school_id AND e.id = l.fee_item_id
         WHERE l.school_id = i.school_id AND l.invoice_id = i.id AND l.amount_vnd > 0)::text AS lines
"""
_OF_INVOICE = """
  JOIN fee_schedule f ON f.school_id = i.school_id AND f.id = i.fee_schedule_id
"""
OWED = f"""
WITH named AS (
  SELECT i.student_id, i.id AS invoice_id FROM invoice i WHERE i.school_id = $1 AND i.reference = $3
  UNION ALL
  SELECT s.id, NULL FROM student s WHERE s.school_id = $1 AND s.reference = $3
  UNION ALL
  SELECT s.id, NULL FROM student s WHERE s.school_id = $1 AND s.code = $2
)
SELECT {_COLUMNS}
  FROM (SELECT * FROM named LIMIT 1) n
  JOIN student s ON s.school_id = $1 AND s.id = n.student_id
  LEFT JOIN guardian g ON g.school_id = $1 AND g.student_id = s.id
  LEFT JOIN (invoice i {_OF_INVOICE})
         ON i.school_id = $1 AND i.student_id = s.id AND i.cancelled_at IS NULL
        AND i.paid_vnd < i.total_vnd AND i.bank_account_id = $4
        AND (n.invoice_id IS NULL OR i.id = n.invoice_id)
 ORDER BY i.due_on, i.id
"""
ONE = f"""
SELECT {_COLUMNS}
  FROM invoice i {_OF_INVOICE}
  JOIN student s ON s.school_id = i.school_id AND s.id = i.student_id
  LEFT JOIN guardian g ON g.school_id = s.school_id AND g.student_id = s.id
 WHERE i.school_id = $1 AND i.id = $2
"""
PAYEE = """
SELECT s.code, s.name, b.bin, b.number, b.holder
  FROM school s JOIN bank_account b ON b.school_id = s.id AND b.id = $2
 WHERE s.id = $1
"""


@dataclass(frozen=True, slots=True)
class OrderParts:
    """What an order says beside its amount: the bill, who pays and whose account it is."""

    bill: Bill
    payer: Payer
    payee: Payee


async def find_debt(db: Driver, merchant: Merchant, code: str) -> Debt | None:
    """What `code` owes to this merchant account's bank account; None when nobody has the code."""
    rows = await db.raw.fetch(
        OWED, merchant.school_id, code, code.strip().upper(), merchant.bank_account_id
    )
    if not rows:
        return None
    bills = tuple(_bill(row) for row in rows if row["reference"] is not None)
    return Debt(
        payer=_payer(rows[0], merchant),
        payee=await _payee(db, merchant),
        bills=bills,
        whole=_whole(rows[0]["standing"], bills),
    )


async def order_parts(db: Driver, merchant: Merchant, invoice_id: int) -> OrderParts:
    """The parts of an order for what is open on an invoice of the merchant account's school."""
    row = await db.raw.fetchrow(ONE, merchant.school_id, invoice_id)
    return OrderParts(_bill(row), _payer(row, merchant), await _payee(db, merchant))


async def _payee(db: Driver, merchant: Merchant) -> Payee:
    row = await db.raw.fetchrow(PAYEE, merchant.school_id, merchant.bank_account_id)
    return Payee(
        unit_code=row["code"],
        unit_name=row["name"],
        bank_bin=row["bin"],
        account_number=row["number"],
        account_holder=row["holder"],
    )


def _payer(row: Any, merchant: Merchant) -> Payer:
    name = row["guardian"] or row["full_name"]
    is_full = merchant.account.settings.get("names") == FULL_NAMES
    return Payer(name=name if is_full else mask_name(name))


def _bill(row: Any) -> Bill:
    said: Sequence[Sequence[Any]] = json.loads(row["lines"])
    lines = tuple(
        BillLine(code=code, description=description, amount_vnd=amount_vnd)
        for code, description, amount_vnd, *_ in said
    )
    if row["open_vnd"] != row["total_vnd"]:  # which fee a part payment went to, nobody has said
        rest = BillLine(
            code=lines[0].code,
            description=f"Còn phải nộp: {row['title']}",
            amount_vnd=row["open_vnd"],
        )
        lines = (rest,)
    procedures = (
        Procedure(code=code, name=name, service_code=service_code, service_name=service_name)
        for _, _, _, code, name, service_code, service_name in said
        if code or service_code
    )
    return Bill(
        reference=row["reference"],
        amount_vnd=row["open_vnd"],
        description=_described(row["reference"]),
        due_on=row["due_on"],
        file_code=row["code"],
        lines=lines,
        procedure=next(procedures, Procedure()),
    )


def _whole(standing: str, bills: Sequence[Bill]) -> Bill | None:
    """All bills as one sum: the only one, or under the pupil's standing reference."""
    if len(bills) <= 1:
        return bills[0] if bills else None
    due: date = min(bill.due_on for bill in bills)
    procedure = next((bill.procedure for bill in bills if bill.procedure.code), Procedure())
    return Bill(
        reference=standing,
        amount_vnd=sum(bill.amount_vnd for bill in bills),
        description=_described(standing),
        due_on=due,
        file_code=bills[0].file_code,
        lines=tuple(line for bill in bills for line in bill.lines),
        procedure=procedure,
    )


def _described(reference: str) -> str:
    """Words for a payer's app: no personal data, unaccented ASCII."""
    return f"Thanh toan {reference}"
