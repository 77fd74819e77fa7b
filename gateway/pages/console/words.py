"""The words an accountant reads, by the codes of the house: (Vietnamese, English).

A code that is missing here is shown as it is: a new reason must not break a screen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from adapters.ways import words_of

Words = Mapping[str, tuple[str, str]]

REASON: Final[Words] = {
    "unknown_reference": ("Không rõ nội dung chuyển khoản", "Unknown reference"),
    "amount_mismatch": ("Số tiền không khớp", "Amount differs"),
    "duplicate_payment": ("Nộp trùng", "Paid twice"),
    "missing_in_statement": ("Sao kê không có khoản này", "Missing in the statement"),
    "missing_notice": ("Có trên sao kê, không có báo có", "On the statement, no notice came"),
    "fee_variance": ("Phí dịch vụ lệch", "Provider's fee differs"),
    "batch_total_mismatch": ("Tổng lô quyết toán lệch", "Settlement total differs"),
    "refund_unmatched": ("Hoàn tiền chưa khớp", "Refund not matched"),
    "closed_invoice": ("Phiếu báo thu đã huỷ", "Invoice was cancelled"),
    "wrong_account": ("Vào nhầm tài khoản", "Wrong account"),
    "conflicting_duplicate": ("Giao dịch báo lại khác nội dung", "Same transaction, other content"),
    "unreadable_line": ("Dòng sao kê không đọc được", "Unreadable statement line"),
    "unexplained_debit": ("Khoản tiền ra chưa giải thích", "Unexplained debit"),
}

# what happened, in a sentence or two, and what to do about it
EXPLANATION: Final[Words] = {
    "unknown_reference": (
        "Tiền đã vào tài khoản của trường nhưng nội dung chuyển khoản không có mã nào hệ thống nhận ra. Tiền đang ở mục chờ xử lý. Chọn phiếu báo thu đúng rồi ghi vào đó.",
        "Money reached the school's account, but its text names nothing we know. It is held in suspense. Choose the right invoice and place it there.",
    ),
    "amount_mismatch": (
        "Số tiền nộp khác số phải thu. Phần đúng đã được ghi; phần thừa thành tiền dư của học sinh, phần thiếu vẫn còn phải thu.",
        "The amount paid is not the amount due. What fits was booked; what is over is the pupil's credit, what is short is still owed.",
    ),
    "duplicate_payment": (
        "Phiếu báo thu đã thu đủ từ trước. Khoản này được giữ làm tiền dư của học sinh, chờ trừ kỳ sau hoặc hoàn lại.",
        "The invoice had been paid in full. This money is kept as the pupil's credit, for the next period or to be paid back.",
    ),
    "missing_in_statement": (
        "Ngân hàng hoặc cổng thanh toán đã báo có khoản này, nhưng sao kê của ngày đó không có. Kiểm tra sao kê hoặc hỏi ngân hàng.",
        "A notice told of this payment, but the statement of that day does not show it. Check the statement or ask the bank.",
    ),
    "missing_notice": (
        "Sao kê có khoản này nhưng ngân hàng không gửi báo có. Khoản thu đã được ghi theo sao kê.",
        "The statement shows this payment, but no notice came. It was booked from the statement.",
    ),
    "fee_variance": (
        "Phí mà bên cung cấp trừ khác với biểu phí đã thoả thuận.",
        "The provider kept a fee other than agreed.",
    ),
    "batch_total_mismatch": (
        "Tổng tiền của lô quyết toán không bằng khoản ngân hàng ghi có.",
        "A settlement batch does not add up to what the bank credited.",
    ),
    "refund_unmatched": (
        "Một khoản hoàn tiền chưa rõ kết quả: đơn vị thanh toán chưa trả lời dứt khoát sau ba ngày, hoặc sổ đã ghi chi mà sao kê chưa có. Hãy hỏi đơn vị thanh toán hoặc ngân hàng.",
        "A refund is in doubt: the provider has said nothing final for three days, or the books show it and the statement does not. Ask the provider or the bank.",
    ),
    "closed_invoice": (
        "Phụ huynh nộp cho một phiếu báo thu đã huỷ. Tiền đang ở mục chờ xử lý.",
        "A parent paid an invoice that was cancelled. The money is held in suspense.",
    ),
    "wrong_account": (
        "Tiền vào tài khoản khác với tài khoản của khoản thu này.",
        "The money reached another account than the one this fee is paid to.",
    ),
    "conflicting_duplicate": (
        "Một giao dịch đã ghi được báo lại lần nữa với số tiền hoặc nội dung khác. Lần báo sau bị từ chối và không được ghi sổ. Hãy đối chiếu với ngân hàng.",
        "A transaction that was recorded came again with another amount or text. The later message was refused and not booked. Check with the bank.",
    ),
    "unreadable_line": (
        "Một dòng trên sao kê không đọc được. Xem lại tệp sao kê.",
        "A line of the statement could not be read. Look at the file.",
    ),
    "unexplained_debit": (
        "Có tiền ra khỏi tài khoản mà sổ không có chứng từ tương ứng.",
        "Money left the account and the books do not say why.",
    ),
}

RESOLUTION: Final[Words] = {
    "placed": ("Đã ghi vào phiếu báo thu", "Placed on an invoice"),
    "explained": ("Đã làm rõ, không cần ghi thêm", "Explained, nothing more to book"),
    "accepted": ("Chấp nhận như hiện tại", "Accepted as it is"),
    "refunded": ("Đã hoàn tiền ngoài hệ thống", "Paid back outside the system"),
    "matched_later": ("Đã khớp với sao kê sau đó", "Matched with a later statement"),
    "paid_back": ("Đã hoàn tiền", "Refunded"),
    "not_paid_back": ("Không hoàn được tiền", "Could not be refunded"),
}

EVIDENCE: Final[Words] = {
    "reference": ("đúng mã chuyển khoản", "exact reference"),
    "corrected_reference": ("mã gần đúng", "nearly the reference"),
    "student_code": ("có mã học sinh", "pupil's code"),
    "name": ("có tên học sinh", "pupil's name"),
    "payer_history": ("người này từng nộp", "paid for this pupil before"),
    "same_amount": ("đúng số tiền", "same amount"),
}

# what the house calls otherwise than parents do; all other names are those of adapters.ways
CHANNEL: Final[Words] = {
    "statement": ("Theo sao kê", "From the statement"),
}

INVOICE_STATUS: Final[Words] = {
    "unpaid": ("Chưa thu", "Unpaid"),
    "part": ("Thu một phần", "Partly paid"),
    "paid": ("Đã thu", "Paid"),
    "overdue": ("Quá hạn", "Overdue"),
    "cancelled": ("Đã huỷ", "Cancelled"),
}

PAYMENT_STATE: Final[Words] = {
    "not_received_confirmed": ("Chưa nhận tiền, đã xác nhận", "Not received, confirmed"),
    "received_unconfirmed": ("Đã nhận tiền, chưa xác nhận", "Received, not confirmed"),
    "confirmed_by_hand": ("Đã xác nhận (thủ công)", "Confirmed (by hand)"),
    "confirmed_automatically": ("Đã xác nhận (tự động)", "Confirmed (automatically)"),
}

PAYMENT_STATE_HINT: Final[Words] = {
    "not_received_confirmed": (
        "Sổ đã ghi thu nhưng sao kê ngày đó không có.",
        "Booked, but the day's statement does not show it.",
    ),
    "received_unconfirmed": (
        "Đã có báo có; chờ sao kê hoặc chờ gán phiếu báo thu.",
        "A notice came; a statement or an invoice is still missing.",
    ),
    "confirmed_by_hand": ("Kế toán đã gán phiếu báo thu.", "An accountant placed it."),
    "confirmed_automatically": ("Khớp với sao kê.", "Matched with the statement."),
}

SCHEDULE_STATUS: Final[Words] = {
    "drafted": ("Bản nháp", "Drafted"),
    "approved": ("Đã duyệt", "Approved"),
    "issued": ("Đã phát hành", "Issued"),
}

SERVICE_STATUS: Final[Words] = {
    "drafted": ("Bản nháp", "Drafted"),
    "approved": ("Sẵn sàng nhận hồ sơ", "Open for applications"),
    "issued": ("Đang nhận hồ sơ", "Taking applications"),
}

TRANSFER: Final[Words] = {
    "invoice_issued": ("Phát hành phiếu báo thu", "Invoice issued"),
    "invoice_cancelled": ("Huỷ phiếu báo thu", "Invoice cancelled"),
    "payment_received": ("Thu tiền", "Payment received"),
    "overpayment": ("Nộp thừa", "Overpayment"),
    "suspense": ("Chờ xử lý", "Suspense"),
    "suspense_released": ("Ghi từ mục chờ xử lý", "Placed from suspense"),
    "reversal": ("Bút toán đảo", "Reversal"),
    "refund": ("Hoàn tiền", "Refund"),
    "opening_balance": ("Số dư đầu kỳ", "Opening balance"),
}

LEDGER_ACCOUNT: Final[Words] = {
    "receivable": ("Phải thu học sinh", "Receivable"),
    "student_credit": ("Tiền dư của học sinh", "Pupils' credit"),
    "suspense": ("Chờ xử lý", "Suspense"),
    "opening": ("Số dư đầu kỳ", "Opening"),
    "bank": ("Tiền gửi ngân hàng", "Bank"),
    "clearing": ("Tiền đang chuyển", "Clearing"),
    "income": ("Doanh thu", "Income"),
    "on_behalf": ("Thu hộ, chi hộ", "Collected on behalf"),
}

EXPORT_FORMAT: Final[Words] = {
    "misa-receipts": ("MISA – Phiếu thu tiền gửi (.xlsx)", "MISA – bank receipts (.xlsx)"),
    "misa-general": (
        "MISA – Chứng từ nghiệp vụ khác (.xlsx)",
        "MISA – general vouchers (.xlsx)",
    ),
    "journal-csv": ("Nhật ký chung (.csv)", "General journal (.csv)"),
    "journal-xlsx": ("Nhật ký chung (.xlsx)", "General journal (.xlsx)"),
}

IMPORT_KIND: Final[Words] = {
    "roster": ("Danh sách học sinh", "Roster"),
    "fees": ("Đợt thu", "Fee schedule"),
    "applications": ("Hồ sơ", "Applications"),
    "statement": ("Sao kê ngân hàng", "Bank statement"),
}

REFUND_STATUS: Final[Words] = {
    "requested": ("Chờ duyệt", "Waits for approval"),
    "rejected": ("Không duyệt", "Rejected"),
    "cancelled": ("Đã rút", "Withdrawn"),
    "approved": ("Đã duyệt", "Approved"),
    "sent": ("Đã gửi, chờ kết quả", "Sent, waiting"),
    "listed": ("Trong danh sách chi hoàn", "In a payout list"),
    "done": ("Đã hoàn tiền", "Refunded"),
    "refused": ("Không hoàn được", "Could not be refunded"),
}

REFUND_METHOD: Final[Words] = {
    "provider": ("Qua đơn vị thanh toán", "Through the provider"),
    "payout": ("Ngân hàng của trường chuyển khoản", "Transfer by the school's bank"),
}

PROOF_ITEM: Final[Words] = {
    "matched": ("Dòng sao kê đã khớp với khoản thu", "Lines matched with payments"),
    "unposted": (
        "Dòng sao kê chưa có trong sổ (ngoại lệ)",
        "Lines the books do not have (exceptions)",
    ),
    "unreadable": ("Dòng không đọc được (ngoại lệ)", "Unreadable rows (exceptions)"),
    "ledger_closing": ("Số dư theo sổ cuối ngày", "Balance of the books at the end"),
    "carried": ("Dòng các ngày trước còn treo", "Lines of earlier days still open"),
    "missing_in_statement": ("Đã ghi sổ, sao kê chưa có", "Booked, not on the statement yet"),
    "posted_ahead": ("Sao kê có, sổ ghi ngày sau", "On the statement, booked for a later day"),
    "gap_before": (
        "Số dư đầu không nối với ngày trước",
        "Opening does not continue the last closing",
    ),
    "broken_balance": (
        "Số dư trên sao kê không liền nhau",
        "The statement's balances do not follow",
    ),
    "no_statement": ("Chưa có sao kê", "No statement"),
    "received": ("Cổng thanh toán đã thu", "Received by the provider"),
    "settled": ("Đã quyết toán về ngân hàng", "Settled to the bank"),
    "refunded": ("Cổng thanh toán đã hoàn", "Refunded by the provider"),
    "unsettled": ("Cổng thanh toán còn giữ", "Still held by the provider"),
}

SETTLEMENT: Final[Words] = {
    "direct": ("Tiền vào thẳng tài khoản", "Straight to the account"),
    "batch": ("Quyết toán theo lô", "Settled in batches"),
}

OUTCOME: Final[Words] = {
    "paid": ("Tiền vào", "Paid"),
    "failed": ("Không thành công", "Failed"),
    "pending": ("Đang chờ", "Pending"),
    "outgoing": ("Tiền ra", "Outgoing"),
    "test": ("Thử kết nối", "Test"),
}

VERDICT: Final[Words] = {
    "recorded": ("Đã ghi sổ", "Booked"),
    "amount_differs": ("Đã ghi, số tiền khác", "Booked, amount differs"),
    "already_paid": ("Đã ghi thành tiền dư", "Booked as credit"),
    "unknown_reference": ("Không rõ mã", "Unknown reference"),
    "wrong_account": ("Vào nhầm tài khoản", "Wrong account"),
    "noted": ("Chỉ ghi nhận", "Noted"),
}

ROLE: Final[Words] = {
    "accountant": ("Kế toán", "Accountant"),
    "approver": ("Người duyệt", "Approver"),
}

# what the last action did; the key stands in the address after the redirect
DONE: Final[Words] = {
    "cancelled": ("Đã huỷ phiếu báo thu.", "The invoice was cancelled."),
    "placed": ("Đã ghi khoản tiền vào phiếu báo thu.", "The money was placed on the invoice."),
    "resolved": ("Đã đóng ngoại lệ.", "The exception was resolved."),
    "undone": ("Đã hoàn tác, ngoại lệ mở lại.", "Undone; the exception is open again."),
    "accepted": ("Đã nhận dữ liệu.", "The data was accepted."),
    "discarded": ("Đã bỏ tệp, không có gì thay đổi.", "The file was dropped; nothing changed."),
    "approved": ("Đã duyệt đợt thu.", "The schedule was approved."),
    "issued": ("Đã phát hành phiếu báo thu.", "The invoices were issued."),
    "reconciled": ("Đã đối soát ngày này.", "The day was reconciled."),
    "refund_requested": ("Đã ghi đề nghị hoàn tiền.", "The refund was asked for."),
    "refund_approved": ("Đã duyệt hoàn tiền.", "The refund was approved."),
    "refund_rejected": ("Đã từ chối hoàn tiền.", "The refund was rejected."),
    "refund_cancelled": ("Đã rút đề nghị hoàn tiền.", "The refund was withdrawn."),
    "refund_done": ("Đã ghi sổ hoàn tiền.", "The refund was booked."),
    "refund_failed": ("Đã ghi nhận chi không thành.", "It was noted that the bank did not pay."),
    "listed": ("Đã lập danh sách chi hoàn.", "The payout list was made."),
    "nothing_to_list": ("Không có khoản nào chờ chi.", "No payout waits."),
    "channel_enabled": ("Đã bật kênh thu.", "The channel was turned on."),
    "channel_disabled": ("Đã tắt kênh thu.", "The channel was turned off."),
    "exported": ("Đã xuất sổ.", "The export was made."),
    "account_chosen": ("Đã ghi tài khoản.", "The account was recorded."),
    "nothing": (
        "Không có chứng từ mới: tất cả đã xuất trước đó.",
        "Nothing new: all vouchers were exported before.",
    ),
}


_SUBJECTS: Final[Mapping[str, Words]] = {
    "reason": REASON,
    "explanation": EXPLANATION,
    "resolution": RESOLUTION,
    "evidence": EVIDENCE,
    "channel": CHANNEL,
    "invoice_status": INVOICE_STATUS,
    "payment_state": PAYMENT_STATE,
    "payment_state_hint": PAYMENT_STATE_HINT,
    "schedule_status": SCHEDULE_STATUS,
    "service_status": SERVICE_STATUS,
    "transfer": TRANSFER,
    "ledger_account": LEDGER_ACCOUNT,
    "export_format": EXPORT_FORMAT,
    "import_kind": IMPORT_KIND,
    "proof_item": PROOF_ITEM,
    "refund_status": REFUND_STATUS,
    "refund_method": REFUND_METHOD,
    "settlement": SETTLEMENT,
    "outcome": OUTCOME,
    "verdict": VERDICT,
    "role": ROLE,
    "done": DONE,
}


def words(subject: str, code: str) -> tuple[str, str]:
    """(Vietnamese, English) of a code; in templates `t(*words("reason", code))`.

    A channel is called as parents know it. Raises KeyError for an unknown subject.
    """
    if subject == "channel" and code not in CHANNEL:
        return words_of(code)
    return _SUBJECTS[subject].get(code, (code, code))
