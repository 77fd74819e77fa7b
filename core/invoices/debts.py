"""What a customer's code owes: the answer to a bank's counter or the portal before they take money.

A code is an invoice's or a pupil's reference, the school's code of a pupil, or a file's code. Only
what is payable to the merchant account's own bank account is answered, names are masked unless the
account's contract allows them, and an unknown code reveals nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from adapters.contract import Bill, BillLine, Debt, Payee, Payer, Procedure
from core.kit.database import Driver, Query
from core.kit.text import mask_name
from core.merchants.directory import Merchant

FULL_NAMES = "full"
"""The value of a merchant account's setting `names` that lets full names out; the default masks them."""


@dataclass(frozen=True, slots=True)
class OrderParts:
    """What belongs to an order beside its amount: the bill, who pays and whose account it is."""

    bill: Bill
    payer: Payer
    payee: Payee


@dataclass(frozen=True, slots=True)
class Parties:
    """Who owes and who is paid. `invoice_id`: the only invoice that was asked about, or None."""

    student_id: int
    student_reference: str
    payer_name: str = field(repr=False)
    invoice_id: int | None
    unit_code: str
    unit_name: str
    bank_bin: str
    account_number: str
    account_holder: str


@dataclass(frozen=True, slots=True)
class BillRecord:
    """An invoice with what is open on it, VND.

    `lines`: item code, description, VND, then code and name of the procedure and of the service.
    """

    invoice_id: int
    reference: str
    file_code: str
    title: str
    total_vnd: int
    open_vnd: int
    due_on: date
    lines: tuple[tuple[str, str, int, str, str, str, str], ...]


# $1 school, $2 its bank account; `named` is whoever the question names
_PARTIES = """
SELECT s.id AS student_id, s.reference AS student_reference,
       coalesce(nullif(g.full_name, ''), s.full_name) AS payer_name, n.invoice_id,
       u.code AS unit_code, u.name AS unit_name, b.bin AS bank_bin, b.number AS account_number,
       b.holder AS account_holder
  FROM (SELECT * FROM named LIMIT 1) n
  JOIN student s ON s.school_id = n.school_id AND s.id = n.student_id
  LEFT JOIN guardian g ON g.school_id = s.school_id AND g.student_id = s.id
  JOIN bank_account b ON b.school_id = s.school_id AND b.id = $2
  JOIN school u ON u.id = s.school_id
"""
# $3 the code as it came, $4 in upper case
PARTIES_OF_CODE = Query(
    Parties,
    f"""
WITH named AS (
  SELECT i.school_id, i.student_id, i.id AS invoice_id FROM invoice i WHERE i.school_id = $1 AND i.reference = $4
  UNION ALL
  SELECT s.school_id, s.id, NULL FROM student s WHERE s.school_id = $1 AND s.reference = $4
  UNION ALL
  SELECT s.school_id, s.id, NULL FROM student s WHERE s.school_id = $1 AND s.code = $3
) {_PARTIES}
""",  # noqa: S608 - a constant of this module
)
PARTIES_OF_INVOICE = Query(
    Parties,
    f"""
WITH named AS (
  SELECT i.school_id, i.student_id, i.id AS invoice_id FROM invoice i WHERE i.school_id = $1 AND i.id = $3
) {_PARTIES}
""",  # noqa: S608 - a constant of this module
)
_BILL = """
SELECT i.id AS invoice_id, i.reference, s.code AS file_code, f.name AS title, i.total_vnd,
       i.total_vnd - i.paid_vnd AS open_vnd, i.due_on,
       (SELECT json_agg(json_build_array(e.code, l.description, l.amount_vnd, e.procedure_code,
                                         e.procedure_name, e.service_code, e.service_name)
                        ORDER BY l.line_no)
          FROM invoice_line l JOIN fee_item e ON e.school_id = l.school_id AND e.id = l.fee_item_id
         WHERE l.school_id = i.school_id AND l.invoice_id = i.id AND l.amount_vnd > 0) AS lines
  FROM invoice i
  JOIN fee_schedule f ON f.school_id = i.school_id AND f.id = i.fee_schedule_id
  JOIN student s ON s.school_id = i.school_id AND s.id = i.student_id
 WHERE i.school_id = $1
"""
BILL = Query(BillRecord, f"{_BILL} AND i.id = $2")
OPEN_BILLS = Query(
    BillRecord,
    f"""
{_BILL} AND i.student_id = $2 AND i.bank_account_id = $3
   AND i.cancelled_at IS NULL AND i.paid_vnd < i.total_vnd
 ORDER BY i.due_on, i.id
""",
)


async def find_debt(db: Driver, merchant: Merchant, code: str) -> Debt | None:
    """What `code` owes to this merchant account's bank account; None when nobody has the code."""
    school_id, bank_account_id = merchant.school_id, merchant.bank_account_id
    parties = await db.fetch_one(
        PARTIES_OF_CODE, school_id, bank_account_id, code, code.strip().upper()
    )
    if parties is None:
        return None
    found = await db.fetch(OPEN_BILLS, school_id, parties.student_id, bank_account_id)
    bills = [_bill(one) for one in found if parties.invoice_id in {None, one.invoice_id}]
    return Debt(
        payer=_payer(parties, merchant),
        payee=_payee(parties),
        bills=tuple(bills),
        whole=_whole(parties.student_reference, bills),
    )


async def order_parts(db: Driver, merchant: Merchant, invoice_id: int) -> OrderParts:
    """The parts of an order for what is open on an invoice of the merchant account's school."""
    parties = await db.fetch_only(
        PARTIES_OF_INVOICE, merchant.school_id, merchant.bank_account_id, invoice_id
    )
    bill = await db.fetch_only(BILL, merchant.school_id, invoice_id)
    return OrderParts(_bill(bill), _payer(parties, merchant), _payee(parties))


def _payee(parties: Parties) -> Payee:
    return Payee(
        unit_code=parties.unit_code,
        unit_name=parties.unit_name,
        bank_bin=parties.bank_bin,
        account_number=parties.account_number,
        account_holder=parties.account_holder,
    )


def _payer(parties: Parties, merchant: Merchant) -> Payer:
    name = parties.payer_name
    is_full = merchant.account.settings.get("names") == FULL_NAMES
    return Payer(name=name if is_full else mask_name(name))


def _bill(one: BillRecord) -> Bill:
    lines = tuple(
        BillLine(code=code, description=description, amount_vnd=amount_vnd)
        for code, description, amount_vnd, *_ in one.lines
    )
    assert sum(line.amount_vnd for line in lines) == one.total_vnd, "lines make up their invoice"
    if one.open_vnd != one.total_vnd:  # a part payment belongs to no fee in particular
        description = f"Còn phải nộp: {one.title}"
        lines = (BillLine(code=lines[0].code, description=description, amount_vnd=one.open_vnd),)
    procedures = (
        Procedure(code=code, name=name, service_code=service_code, service_name=service_name)
        for _, _, _, code, name, service_code, service_name in one.lines
        if code or service_code
    )
    return Bill(
        reference=one.reference,
        amount_vnd=one.open_vnd,
        description=_described(one.reference),
        due_on=one.due_on,
        file_code=one.file_code,
        lines=lines,
        procedure=next(procedures, Procedure()),
    )


def _whole(student_reference: str, bills: Sequence[Bill]) -> Bill | None:
    """All bills as one sum: the only one, or under the pupil's own reference."""
    if len(bills) <= 1:
        return bills[0] if bills else None
    due: date = min(bill.due_on for bill in bills)
    procedure = next((bill.procedure for bill in bills if bill.procedure.code), Procedure())
    return Bill(
        reference=student_reference,
        amount_vnd=sum(bill.amount_vnd for bill in bills),
        description=_described(student_reference),
        due_on=due,
        file_code=bills[0].file_code,
        lines=tuple(line for bill in bills for line in bill.lines),
        procedure=procedure,
    )


def _described(reference: str) -> str:
    """Words for a payer's app: no personal data, unaccented ASCII."""
    return f"Thanh toan {reference}"
