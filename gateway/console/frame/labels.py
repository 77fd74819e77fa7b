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
        "Sao kê hoặc tệp đối soát có khoản này nhưng không có báo có nào khớp. Dòng của sao kê đã được ghi theo sao kê; dòng của tệp đối soát thì chưa rõ là khoản thu nào, hoặc được báo hai lần: hãy hỏi đơn vị thanh toán.",
        "The statement or a settlement file shows this payment, but no notice of it came. A statement line was booked from the statement; a line of a settlement file names no payment of ours, or one that was settled before: ask the provider.",
    ),
    "fee_variance": (
        "Phí hoặc thuế mà bên cung cấp trừ trong lô khác với điều khoản hợp đồng. Sổ ghi theo số thực trừ. Hãy đòi lại phần chênh, hoặc sửa điều khoản ở mục Quyết toán.",
        "The fee or VAT that the provider kept of this batch is not what the contract says. The books have what was kept. Claim the difference, or correct the terms under Settlement.",
    ),
    "batch_total_mismatch": (
        "Ngân hàng ghi có một khoản đơn vị thanh toán quyết toán mà chưa có lô nào khớp đến từng đồng: tệp đối soát chưa nhập, thiếu dòng hoặc tổng khác. Tiền chưa vào sổ. Hãy nhập tệp đối soát; đêm sau tự ghép.",
        "The bank shows a provider's payout that no settlement batch agrees with to the đồng: its file was not imported yet, lacks lines or comes to another sum. Nothing is booked. Import the settlement file; the next night puts them together.",
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
    "refunded": ("Hoàn lại người nộp", "Returned to the payer"),
    "matched_later": ("Đã khớp với sao kê sau đó", "Matched with a later statement"),
    "settled": ("Là tiền quyết toán, đã ghi sổ", "A settlement, booked"),
    "no_settlement": ("Không phải tiền quyết toán", "Not a settlement"),
    "paid_back": ("Đã hoàn tiền", "Refunded"),
    "not_paid_back": ("Không hoàn được tiền", "Could not be refunded"),
    "booked": ("Đã ghi sổ", "Booked"),
}

EVIDENCE: Final[Words] = {
    "reference": ("đúng mã chuyển khoản", "exact reference"),
    "corrected_reference": ("mã gần đúng", "nearly the reference"),
    "student_code": ("có mã học sinh", "pupil's code"),
    "name": ("có tên học sinh", "pupil's name"),
    "payer_history": ("người này từng nộp", "paid for this pupil before"),
    "class": ("có tên lớp", "the class"),
    "same_amount": ("đúng số tiền", "same amount"),
}

# what is proposed as the reason of a placement: a person reads it and may change it
SUGGESTED_REASON: Final[Words] = {
    "reference": ("Nội dung chuyển khoản có mã của phiếu", "The text has the invoice's reference"),
    "corrected_reference": (
        "Nội dung có mã gần đúng của phiếu",
        "The text nearly has the invoice's reference",
    ),
    "student_code": ("Nội dung có mã học sinh", "The text has the pupil's code"),
    "name": ("Nội dung có tên học sinh", "The text has the pupil's name"),
    "payer_history": ("Người này từng nộp cho học sinh", "Paid for this pupil before"),
}

BULK_ACTION: Final[Words] = {
    "place": ("Ghi theo gợi ý chắc chắn", "Place where one invoice is named"),
    "explain": ("Đóng vì đã làm rõ", "Close as explained"),
    "suspend": ("Đưa về chờ xử lý", "Write to suspense"),
}

LEFT_OUT: Final[Words] = {
    "not_allowed": (
        "Không làm được với ngoại lệ loại này hoặc lúc này",
        "Not possible for this kind, or not now",
    ),
    "no_proposal": (
        "Không mã nào chỉ đúng một phiếu; tên hay số tiền thì chưa đủ",
        "No code names an invoice; a name or an amount is not enough",
    ),
    "several": ("Có nhiều phiếu phù hợp", "Several invoices fit"),
    "same_invoice": (
        "Một khoản khác được chọn cũng chỉ đến phiếu này",
        "Another one chosen names the same invoice",
    ),
    "same_payment": (
        "Một ngoại lệ khác được chọn nói về cùng khoản tiền",
        "Another one chosen is about the same money",
    ),
    "refund": ("Khoản này đang được hoàn tiền", "It is being refunded"),
}

MONEY_PLACE: Final[Words] = {
    "suspense_vnd": ("Đang chờ xử lý", "Waiting in suspense"),
    "credit_vnd": ("Tiền dư của học sinh", "Pupil's credit"),
    "settled_vnd": ("Đã ghi cho phiếu báo thu", "Settles invoices"),
}

# what the house calls otherwise than parents do; all other names are those of adapters.ways
CHANNEL: Final[Words] = {
    "statement": ("Theo sao kê", "From the statement"),
    "notification": ("Báo có của ngân hàng (camt.054)", "The bank's notification (camt.054)"),
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
    "settlement": ("Cổng thanh toán quyết toán", "Settled by the provider"),
    "provider_fee": ("Phí dịch vụ thanh toán", "Provider's fee"),
    "bank_fee": ("Phí ngân hàng", "Bank fee"),
    "paid_on": ("Chi trả khoản thu hộ", "Paid on to others"),
    "own_transfer": ("Chuyển giữa các tài khoản của trường", "Between the school's accounts"),
    "state_part": ("Ngân sách cấp bù", "The State's part"),
    "state_received": ("Nhận ngân sách cấp bù", "Received from the State"),
    "income_released": ("Kết chuyển thu trước", "Prepaid income released"),
    "suspended": ("Đưa về mục chờ xử lý", "Put back into suspense"),
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
    "prepaid": ("Thu trước", "Paid ahead"),
    "state_receivable": ("Ngân sách cấp bù phải thu", "Owed by the State"),
    "provider_fee": ("Phí dịch vụ thanh toán", "Providers' fees"),
    "provider_vat": ("Thuế GTGT của phí", "VAT on fees"),
    "bank_fee": ("Phí ngân hàng", "Bank fees"),
    "in_transit": ("Tiền đang chuyển giữa các tài khoản", "Between own accounts"),
}

EXPORT_FORMAT: Final[Words] = {
    "misa-receipts": ("MISA – Phiếu thu tiền gửi (.xlsx)", "MISA – bank receipts (.xlsx)"),
    "misa-general": (
        "MISA – Chứng từ nghiệp vụ khác (.xlsx)",
        "MISA – general vouchers (.xlsx)",
    ),
    "journal-csv": ("Nhật ký chung (.csv)", "General journal (.csv)"),
    "journal-xlsx": ("Nhật ký chung (.xlsx)", "General journal (.xlsx)"),
    "json": ("Phần mềm của trường tự lấy (.json)", "Pulled by the school's software (.json)"),
}

IMPORT_KIND: Final[Words] = {
    "roster": ("Danh sách học sinh", "Roster"),
    "fees": ("Đợt thu", "Fee schedule"),
    "concessions": ("Danh sách miễn, giảm", "Concessions"),
    "applications": ("Hồ sơ", "Applications"),
    "statement": ("Sao kê ngân hàng", "Bank statement"),
    "settlement": ("Tệp đối soát của cổng", "Settlement file"),
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
    "corrected_later": (
        "Đã ghi sổ, đảo lại ở ngày sau",
        "In the books, taken back on a later day",
    ),
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
    "provider_kept": ("Phí và thuế cổng thanh toán giữ lại", "Fee and VAT kept by the provider"),
    "unsettled": ("Cổng thanh toán còn giữ", "Still held by the provider"),
    "reported": (
        "Đã có trong tệp đối soát, tiền chưa về ngân hàng",
        "In a settlement file, not at the bank yet",
    ),
    "returned": (
        "Đã hoàn, tệp đối soát chưa trừ",
        "Refunded, not taken off by a settlement yet",
    ),
    "stray": (
        "Đã quyết toán nhưng không rõ khoản thu, khoản hoàn nào",
        "Settled, but no payment or refund of ours",
    ),
}

SETTLEMENT_LINE: Final[Words] = {
    "pay": ("Thanh toán", "Payment"),
    "refund": ("Hoàn tiền", "Refund"),
    "fee": ("Phí", "Fee"),
    "chargeback": ("Tra soát, bồi hoàn", "Chargeback"),
    "adjustment": ("Điều chỉnh", "Adjustment"),
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

DAY_CLOSE: Final[Words] = {
    "closed": ("Chốt sổ", "Closed"),
    "reopen_requested": ("Đề nghị mở lại", "Reopening asked for"),
    "reopened": ("Mở lại", "Reopened"),
}

NIGHT_STATE: Final[Words] = {
    "queued": ("Đang chờ", "Waiting"),
    "running": ("Đang chạy", "Running"),
    "silent": ("Bị gián đoạn", "Interrupted"),
    "done": ("Đã xong", "Done"),
    "failed": ("Chưa chạy được", "Failed"),
}

NIGHT_STEP: Final[Words] = {
    "match": ("Ghép dòng sao kê", "Matching lines"),
    "record": ("Ghi khoản thu bị lỡ", "Recording what was lost"),
    "prove": ("Chứng minh số dư", "Proving balances"),
}

ROLE: Final[Words] = {
    "accountant": ("Kế toán", "Accountant"),
    "approver": ("Người duyệt", "Approver"),
}

COLUMN_ROLE: Final[Words] = {
    "date": ("Ngày giao dịch", "Date"),
    "content": ("Nội dung chuyển khoản", "Transfer text"),
    "credit": ("Tiền vào (ghi có)", "Money in (credit)"),
    "debit": ("Tiền ra (ghi nợ)", "Money out (debit)"),
    "amount": ("Số tiền có dấu (+ vào, − ra)", "Signed amount (+ in, − out)"),
    "balance": ("Số dư sau giao dịch", "Balance after it"),
    "transaction_id": ("Mã giao dịch của ngân hàng", "The bank's transaction number"),
    "provider_transaction_id": ("Mã giao dịch của cổng", "The provider's transaction number"),
    "merchant_reference": ("Mã đơn hàng của trường", "The school's order reference"),
    "original_reference": ("Mã giao dịch gốc (hoàn tiền)", "Original transaction (of a refund)"),
    "kind": ("Loại dòng", "Kind of line"),
    "gross": ("Số tiền giao dịch", "Gross amount"),
    "fee": ("Phí chưa VAT", "Fee before VAT"),
    "vat": ("VAT của phí", "VAT on the fee"),
    "net": ("Thực nhận", "Net"),
    "paid_at": ("Thời điểm thanh toán", "Paid at"),
    "settled_on": ("Ngày quyết toán", "Settled on"),
    "batch_id": ("Mã lô quyết toán", "Batch"),
    "status": ("Trạng thái", "Status"),
    "currency": ("Loại tiền", "Currency"),
}

SETTLEMENT_KIND: Final[Words] = {
    "pay": ("Thanh toán", "Payment"),
    "refund": ("Hoàn tiền", "Refund"),
    "fee": ("Phí", "Fee"),
    "chargeback": ("Đòi bồi hoàn", "Chargeback"),
    "adjustment": ("Điều chỉnh", "Adjustment"),
}

DEBIT_RULE: Final[Words] = {
    "bank_fee": ("Phí ngân hàng", "Bank fee"),
    "paid_on": ("Chi trả khoản thu hộ", "Paid on to others"),
    "own_transfer": ("Chuyển sang tài khoản khác của trường", "To another account of the school"),
    "settlement": ("Quyết toán của cổng thanh toán", "A provider's settlement"),
}

OWN_MONEY: Final[Words] = {
    "own_transfer": (
        "Chuyển từ tài khoản khác của trường, kể cả kho bạc",
        "From another account of the school, treasury included",
    ),
    "state_received": (
        "Ngân sách cấp bù miễn, giảm học phí",
        "From the State, for concessions",
    ),
}

# what the last action did; the key stands in the address after the redirect
DONE: Final[Words] = {
    "cancelled": ("Đã huỷ phiếu báo thu.", "The invoice was cancelled."),
    "placed": ("Đã ghi khoản tiền vào phiếu báo thu.", "The money was placed on the invoice."),
    "resolved": ("Đã đóng ngoại lệ.", "The exception was resolved."),
    "suspended": (
        "Đã đưa khoản tiền về chờ xử lý.",
        "The money was taken back to suspense.",
    ),
    "split": ("Đã chia khoản tiền.", "The money was split."),
    "noted": ("Đã ghi lời.", "It was noted."),
    "asked": ("Đã hỏi đồng nghiệp.", "Your colleague was asked."),
    "bulk_done": ("Đã xử lý các ngoại lệ đã chọn.", "The exceptions chosen are done."),
    "undone": ("Đã hoàn tác, ngoại lệ mở lại.", "Undone; the exception is open again."),
    "accepted": ("Đã nhận dữ liệu.", "The data was accepted."),
    "columns_saved": (
        "Đã lưu cách đọc các cột của tài khoản này.",
        "The columns of this account's files were saved.",
    ),
    "columns_forgotten": (
        "Đã bỏ cách đọc đã lưu.",
        "What was saved of the columns was forgotten.",
    ),
    "discarded": ("Đã bỏ tệp, không có gì thay đổi.", "The file was dropped; nothing changed."),
    "approved": ("Đã duyệt đợt thu.", "The schedule was approved."),
    "issued": ("Đã phát hành phiếu báo thu.", "The invoices were issued."),
    "reconciled": ("Đã đối soát ngày này.", "The day was reconciled."),
    "day_closed": ("Đã chốt sổ đến hết ngày này.", "The books are closed through this day."),
    "reopen_requested": (
        "Đã đề nghị mở lại; cần một người khác duyệt.",
        "Reopening was asked for; another person must approve it.",
    ),
    "day_reopened": ("Đã mở lại ngày này.", "The day was reopened."),
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
    "debit_booked": ("Đã ghi sổ.", "It was booked."),
    "debits_booked": ("Đã ghi các khoản phí ngân hàng.", "The bank fees were booked."),
    "exported": ("Đã xuất sổ.", "The export was made."),
    "account_chosen": ("Đã ghi tài khoản.", "The account was recorded."),
    "settled": ("Đã ghi sổ lô quyết toán.", "The batch was booked."),
    "unsettled": (
        "Đã tách lô khỏi dòng sao kê; bút toán đã đảo.",
        "Batch and line were taken apart; the journal is reversed.",
    ),
    "terms_set": ("Đã ghi điều khoản hợp đồng.", "The terms were recorded."),
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
    "suggested_reason": SUGGESTED_REASON,
    "bulk_action": BULK_ACTION,
    "left_out": LEFT_OUT,
    "money_place": MONEY_PLACE,
    "channel": CHANNEL,
    "invoice_status": INVOICE_STATUS,
    "payment_state": PAYMENT_STATE,
    "payment_state_hint": PAYMENT_STATE_HINT,
    "schedule_status": SCHEDULE_STATUS,
    "service_status": SERVICE_STATUS,
    "transfer": TRANSFER,
    "ledger_account": LEDGER_ACCOUNT,
    "export_format": EXPORT_FORMAT,
    "debit_rule": DEBIT_RULE,
    "own_money": OWN_MONEY,
    "import_kind": IMPORT_KIND,
    "column_role": COLUMN_ROLE,
    "settlement_kind": SETTLEMENT_KIND,
    "proof_item": PROOF_ITEM,
    "refund_status": REFUND_STATUS,
    "refund_method": REFUND_METHOD,
    "settlement": SETTLEMENT,
    "settlement_line": SETTLEMENT_LINE,
    "outcome": OUTCOME,
    "verdict": VERDICT,
    "day_close": DAY_CLOSE,
    "night_state": NIGHT_STATE,
    "night_step": NIGHT_STEP,
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
