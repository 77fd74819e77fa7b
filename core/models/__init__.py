"""The tables, one file per noun. It defines shape and constraints only, never behaviour."""

from core.models.accounting import account_override
from core.models.base import metadata
from core.models.fees import (
    conceded_charge,
    concession,
    fee_item,
    fee_registration,
    fee_schedule,
    fee_schedule_line,
    income_release,
)
from core.models.identity import (
    api_key,
    app_user,
    audit_entry,
    import_batch,
    login_attempt,
    session,
)
from core.models.invoices import invoice, invoice_line, reference_number
from core.models.ledger import journal_number, ledger_account, transfer
from core.models.payments import checkout, lookup, notice, notice_conflict, payment
from core.models.portal import application, official_receipt
from core.models.reconciliation import (
    daily_proof,
    day_close,
    exception,
    exception_note,
    file_mapping,
    line_journal,
    match,
    statement,
    statement_line,
    voucher,
    voucher_export,
)
from core.models.refunds import refund, transfer_list
from core.models.schools import bank_account, merchant_account, school
from core.models.settlement import (
    settlement,
    settlement_batch,
    settlement_line,
    settlement_terms,
)
from core.models.students import enrolment, guardian, school_class, student

__all__ = [
    "account_override",
    "api_key",
    "app_user",
    "application",
    "audit_entry",
    "bank_account",
    "checkout",
    "conceded_charge",
    "concession",
    "daily_proof",
    "day_close",
    "enrolment",
    "exception",
    "exception_note",
    "fee_item",
    "fee_registration",
    "fee_schedule",
    "fee_schedule_line",
    "file_mapping",
    "guardian",
    "import_batch",
    "income_release",
    "invoice",
    "invoice_line",
    "journal_number",
    "ledger_account",
    "line_journal",
    "login_attempt",
    "lookup",
    "match",
    "merchant_account",
    "metadata",
    "notice",
    "notice_conflict",
    "official_receipt",
    "payment",
    "reference_number",
    "refund",
    "school",
    "school_class",
    "session",
    "settlement",
    "settlement_batch",
    "settlement_line",
    "settlement_terms",
    "statement",
    "statement_line",
    "student",
    "transfer",
    "transfer_list",
    "voucher",
    "voucher_export",
]
