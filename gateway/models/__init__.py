"""The tables, one file per noun. This room defines shape and constraints only, never behaviour."""

from gateway.models.accounting import account_override
from gateway.models.base import metadata
from gateway.models.fees import fee_item, fee_registration, fee_schedule, fee_schedule_line
from gateway.models.identity import (
    api_key,
    app_user,
    audit_entry,
    import_batch,
    login_attempt,
    session,
)
from gateway.models.invoices import invoice, invoice_line, reference_number
from gateway.models.ledger import journal_number, ledger_account, transfer
from gateway.models.payments import checkout, lookup, notice, notice_conflict, payment
from gateway.models.portal import application, official_receipt
from gateway.models.reconciliation import (
    day_close,
    exception,
    match,
    statement,
    statement_line,
    voucher,
    voucher_export,
)
from gateway.models.refunds import payout_list, refund
from gateway.models.schools import bank_account, merchant_account, school
from gateway.models.students import enrolment, guardian, school_class, student

__all__ = [
    "account_override",
    "api_key",
    "app_user",
    "application",
    "audit_entry",
    "bank_account",
    "checkout",
    "day_close",
    "enrolment",
    "exception",
    "fee_item",
    "fee_registration",
    "fee_schedule",
    "fee_schedule_line",
    "guardian",
    "import_batch",
    "invoice",
    "invoice_line",
    "journal_number",
    "ledger_account",
    "login_attempt",
    "lookup",
    "match",
    "merchant_account",
    "metadata",
    "notice",
    "notice_conflict",
    "official_receipt",
    "payment",
    "payout_list",
    "reference_number",
    "refund",
    "school",
    "school_class",
    "session",
    "statement",
    "statement_line",
    "student",
    "transfer",
    "voucher",
    "voucher_export",
]
