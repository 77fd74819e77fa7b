"""What an accountant reads for a code: a status, a reason, a kind of posting.

A code that is missing here is shown as it is: a new reason must not break a screen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from adapters.messages import Message, msg, pmsg
from adapters.ways import name_of

Labels = Mapping[str, Message]

REASON: Final[Labels] = {
    "unknown_reference": msg("Không rõ nội dung chuyển khoản"),
    "amount_mismatch": msg("Số tiền không khớp"),
    "duplicate_payment": msg("Nộp trùng"),
    "missing_in_statement": msg("Sao kê không có khoản này"),
    "missing_notice": msg("Có trên sao kê, không có báo có"),
    "fee_variance": msg("Phí dịch vụ lệch"),
    "batch_total_mismatch": msg("Tổng lô quyết toán lệch"),
    "refund_unmatched": msg("Hoàn tiền chưa khớp"),
    "closed_invoice": msg("Phiếu báo thu đã huỷ"),
    "wrong_account": msg("Vào nhầm tài khoản"),
    "conflicting_duplicate": msg("Giao dịch báo lại khác nội dung"),
    "unreadable_line": msg("Dòng sao kê không đọc được"),
    "unexplained_debit": msg("Khoản tiền ra chưa giải thích"),
}

# what happened, in a sentence or two, and what to do about it
EXPLANATION: Final[Labels] = {
    "unknown_reference": msg(
        "Tiền đã vào tài khoản của trường nhưng nội dung chuyển khoản không có mã nào hệ thống nhận ra. Tiền đang ở mục chờ xử lý. Chọn phiếu báo thu đúng rồi ghi vào đó."
    ),
    "amount_mismatch": msg(
        "Số tiền nộp khác số phải thu. Phần đúng đã được ghi; phần thừa thành tiền dư của học sinh, phần thiếu vẫn còn phải thu."
    ),
    "duplicate_payment": msg(
        "Phiếu báo thu đã thu đủ từ trước. Khoản này được giữ làm tiền dư của học sinh, chờ trừ kỳ sau hoặc hoàn lại."
    ),
    "missing_in_statement": msg(
        "Ngân hàng hoặc cổng thanh toán đã báo có khoản này, nhưng sao kê của ngày đó không có. Kiểm tra sao kê hoặc hỏi ngân hàng."
    ),
    "missing_notice": msg(
        "Sao kê hoặc tệp đối soát có khoản này nhưng không có báo có nào khớp. Dòng của sao kê đã được ghi theo sao kê; dòng của tệp đối soát thì chưa rõ là khoản thu nào, hoặc được báo hai lần: hãy hỏi đơn vị thanh toán."
    ),
    "fee_variance": msg(
        "Phí hoặc thuế mà bên cung cấp trừ trong lô khác với điều khoản hợp đồng. Sổ ghi theo số thực trừ. Hãy đòi lại phần chênh, hoặc sửa điều khoản ở mục Quyết toán."
    ),
    "batch_total_mismatch": msg(
        "Ngân hàng ghi có một khoản đơn vị thanh toán quyết toán mà chưa có lô nào khớp đến từng đồng: tệp đối soát chưa nhập, thiếu dòng hoặc tổng khác. Tiền chưa vào sổ. Hãy nhập tệp đối soát; đêm sau tự ghép."
    ),
    "refund_unmatched": msg(
        "Một khoản hoàn tiền chưa rõ kết quả: đơn vị thanh toán chưa trả lời dứt khoát sau ba ngày, hoặc sổ đã ghi chi mà sao kê chưa có. Hãy hỏi đơn vị thanh toán hoặc ngân hàng."
    ),
    "closed_invoice": msg("Phụ huynh nộp cho một phiếu báo thu đã huỷ. Tiền đang ở mục chờ xử lý."),
    "wrong_account": msg("Tiền vào tài khoản khác với tài khoản của khoản thu này."),
    "conflicting_duplicate": msg(
        "Một giao dịch đã ghi được báo lại lần nữa với số tiền hoặc nội dung khác. Lần báo sau bị từ chối và không được ghi sổ. Hãy đối chiếu với ngân hàng."
    ),
    "unreadable_line": msg("Một dòng trên sao kê không đọc được. Xem lại tệp sao kê."),
    "unexplained_debit": msg("Có tiền ra khỏi tài khoản mà sổ không có chứng từ tương ứng."),
}

RESOLUTION: Final[Labels] = {
    "placed": msg("Đã ghi vào phiếu báo thu"),
    "explained": msg("Đã làm rõ, không cần ghi thêm"),
    "accepted": msg("Chấp nhận như hiện tại"),
    "refunded": pmsg("done", "Hoàn lại người nộp"),
    "matched_later": msg("Đã khớp với sao kê sau đó"),
    "settled": msg("Là tiền quyết toán, đã ghi sổ"),
    "no_settlement": msg("Không phải tiền quyết toán"),
    "paid_back": msg("Đã hoàn tiền"),
    "not_paid_back": msg("Không hoàn được tiền"),
    "booked": msg("Đã ghi sổ"),
}

EVIDENCE: Final[Labels] = {
    "reference": msg("đúng mã chuyển khoản"),
    "corrected_reference": msg("mã gần đúng"),
    "student_code": msg("có mã học sinh"),
    "name": msg("có tên học sinh"),
    "payer_history": msg("người này từng nộp"),
    "class": msg("có tên lớp"),
    "same_amount": msg("đúng số tiền"),
}

# what is proposed as the reason of a placement: a person reads it and may change it
SUGGESTED_REASON: Final[Labels] = {
    "reference": msg("Nội dung chuyển khoản có mã của phiếu"),
    "corrected_reference": msg("Nội dung có mã gần đúng của phiếu"),
    "student_code": msg("Nội dung có mã học sinh"),
    "name": msg("Nội dung có tên học sinh"),
    "payer_history": msg("Người này từng nộp cho học sinh"),
}

BULK_ACTION: Final[Labels] = {
    "place": msg("Ghi theo gợi ý chắc chắn"),
    "explain": msg("Đóng vì đã làm rõ"),
    "suspend": msg("Đưa về chờ xử lý"),
}

LEFT_OUT: Final[Labels] = {
    "not_allowed": msg("Không làm được với ngoại lệ loại này hoặc lúc này"),
    "no_proposal": msg("Không mã nào chỉ đúng một phiếu; tên hay số tiền thì chưa đủ"),
    "several": msg("Có nhiều phiếu phù hợp"),
    "same_invoice": msg("Một khoản khác được chọn cũng chỉ đến phiếu này"),
    "same_payment": msg("Một ngoại lệ khác được chọn nói về cùng khoản tiền"),
    "refund": msg("Khoản này đang được hoàn tiền"),
}

MONEY_PLACE: Final[Labels] = {
    "suspense_vnd": msg("Đang chờ xử lý"),
    "credit_vnd": msg("Tiền dư của học sinh"),
    "settled_vnd": msg("Đã ghi cho phiếu báo thu"),
}

# what staff call otherwise than parents do; all other names are those of adapters.ways
CHANNEL: Final[Labels] = {
    "statement": msg("Theo sao kê"),
    "notification": msg("Báo có của ngân hàng (camt.054)"),
}

INVOICE_STATUS: Final[Labels] = {
    "unpaid": msg("Chưa thu"),
    "part": msg("Thu một phần"),
    "paid": msg("Đã thu"),
    "overdue": msg("Quá hạn"),
    "cancelled": msg("Đã huỷ"),
}

PAYMENT_STATE: Final[Labels] = {
    "not_received_confirmed": msg("Chưa nhận tiền, đã xác nhận"),
    "received_unconfirmed": msg("Đã nhận tiền, chưa xác nhận"),
    "confirmed_by_hand": msg("Đã xác nhận (thủ công)"),
    "confirmed_automatically": msg("Đã xác nhận (tự động)"),
}

PAYMENT_STATE_HINT: Final[Labels] = {
    "not_received_confirmed": msg("Sổ đã ghi thu nhưng sao kê ngày đó không có."),
    "received_unconfirmed": msg("Đã có báo có; chờ sao kê hoặc chờ gán phiếu báo thu."),
    "confirmed_by_hand": msg("Kế toán đã gán phiếu báo thu."),
    "confirmed_automatically": msg("Khớp với sao kê."),
}

SCHEDULE_STATUS: Final[Labels] = {
    "drafted": msg("Bản nháp"),
    "approved": msg("Đã duyệt"),
    "issued": msg("Đã phát hành"),
}

SERVICE_STATUS: Final[Labels] = {
    "drafted": msg("Bản nháp"),
    "approved": msg("Sẵn sàng nhận hồ sơ"),
    "issued": msg("Đang nhận hồ sơ"),
}

TRANSFER: Final[Labels] = {
    "invoice_issued": pmsg("done", "Phát hành phiếu báo thu"),
    "invoice_cancelled": pmsg("done", "Huỷ phiếu báo thu"),
    "payment_received": msg("Thu tiền"),
    "overpayment": msg("Nộp thừa"),
    "suspense": msg("Chờ xử lý"),
    "suspense_released": msg("Ghi từ mục chờ xử lý"),
    "reversal": msg("Bút toán đảo"),
    "refund": pmsg("one", "Hoàn tiền"),
    "opening_balance": msg("Số dư đầu kỳ"),
    "settlement": msg("Cổng thanh toán quyết toán"),
    "provider_fee": msg("Phí dịch vụ thanh toán"),
    "bank_fee": msg("Phí ngân hàng"),
    "paid_on": msg("Chi trả khoản thu hộ"),
    "own_transfer": msg("Chuyển giữa các tài khoản của trường"),
    "state_part": msg("Ngân sách cấp bù"),
    "state_received": msg("Nhận ngân sách cấp bù"),
    "income_released": msg("Kết chuyển thu trước"),
    "suspended": msg("Đưa về mục chờ xử lý"),
}

LEDGER_ACCOUNT: Final[Labels] = {
    "receivable": msg("Phải thu học sinh"),
    "student_credit": pmsg("many", "Tiền dư của học sinh"),
    "suspense": msg("Chờ xử lý"),
    "opening": msg("Số dư đầu kỳ"),
    "bank": msg("Tiền gửi ngân hàng"),
    "clearing": msg("Tiền đang chuyển"),
    "income": msg("Doanh thu"),
    "on_behalf": msg("Thu hộ, chi hộ"),
    "prepaid": msg("Thu trước"),
    "state_receivable": msg("Ngân sách cấp bù phải thu"),
    "provider_fee": pmsg("many", "Phí dịch vụ thanh toán"),
    "provider_vat": msg("Thuế GTGT của phí"),
    "bank_fee": pmsg("many", "Phí ngân hàng"),
    "in_transit": msg("Tiền đang chuyển giữa các tài khoản"),
}

EXPORT_FORMAT: Final[Labels] = {
    "misa-receipts": msg("MISA – Phiếu thu tiền gửi (.xlsx)"),
    "misa-general": msg("MISA – Chứng từ nghiệp vụ khác (.xlsx)"),
    "journal-csv": msg("Nhật ký chung (.csv)"),
    "journal-xlsx": msg("Nhật ký chung (.xlsx)"),
    "json": msg("Phần mềm của trường tự lấy (.json)"),
}

IMPORT_KIND: Final[Labels] = {
    "roster": msg("Danh sách học sinh"),
    "fees": msg("Đợt thu"),
    "concessions": msg("Danh sách miễn, giảm"),
    "applications": msg("Hồ sơ"),
    "statement": msg("Sao kê ngân hàng"),
    "settlement": msg("Tệp đối soát của cổng"),
}

REFUND_STATUS: Final[Labels] = {
    "requested": msg("Chờ duyệt"),
    "rejected": pmsg("done", "Không duyệt"),
    "cancelled": msg("Đã rút"),
    "approved": msg("Đã duyệt"),
    "sent": msg("Đã gửi, chờ kết quả"),
    "listed": msg("Trong danh sách chi hoàn"),
    "done": msg("Đã hoàn tiền"),
    "refused": msg("Không hoàn được"),
}

REFUND_METHOD: Final[Labels] = {
    "provider": msg("Qua đơn vị thanh toán"),
    "payout": msg("Ngân hàng của trường chuyển khoản"),
}

PROOF_ITEM: Final[Labels] = {
    "matched": msg("Dòng sao kê đã khớp với khoản thu"),
    "unposted": msg("Dòng sao kê chưa có trong sổ (ngoại lệ)"),
    "unreadable": msg("Dòng không đọc được (ngoại lệ)"),
    "ledger_closing": msg("Số dư theo sổ cuối ngày"),
    "carried": msg("Dòng các ngày trước còn treo"),
    "missing_in_statement": msg("Đã ghi sổ, sao kê chưa có"),
    "posted_ahead": msg("Sao kê có, sổ ghi ngày sau"),
    "corrected_later": msg("Đã ghi sổ, đảo lại ở ngày sau"),
    "gap_before": msg("Số dư đầu không nối với ngày trước"),
    "broken_balance": msg("Số dư trên sao kê không liền nhau"),
    "no_statement": msg("Chưa có sao kê"),
    "received": msg("Cổng thanh toán đã thu"),
    "settled": msg("Đã quyết toán về ngân hàng"),
    "refunded": msg("Cổng thanh toán đã hoàn"),
    "provider_kept": msg("Phí và thuế cổng thanh toán giữ lại"),
    "unsettled": msg("Cổng thanh toán còn giữ"),
    "reported": msg("Đã có trong tệp đối soát, tiền chưa về ngân hàng"),
    "returned": msg("Đã hoàn, tệp đối soát chưa trừ"),
    "stray": msg("Đã quyết toán nhưng không rõ khoản thu, khoản hoàn nào"),
}

SETTLEMENT_LINE: Final[Labels] = {
    "pay": msg("Thanh toán"),
    "refund": pmsg("one", "Hoàn tiền"),
    "fee": msg("Phí"),
    "chargeback": msg("Tra soát, bồi hoàn"),
    "adjustment": msg("Điều chỉnh"),
}

SETTLEMENT: Final[Labels] = {
    "direct": msg("Tiền vào thẳng tài khoản"),
    "batch": msg("Quyết toán theo lô"),
}

OUTCOME: Final[Labels] = {
    "paid": pmsg("outcome", "Tiền vào"),
    "failed": msg("Không thành công"),
    "pending": msg("Đang chờ"),
    "outgoing": msg("Tiền ra"),
    "test": msg("Thử kết nối"),
}

VERDICT: Final[Labels] = {
    "recorded": msg("Đã ghi sổ"),
    "amount_differs": msg("Đã ghi, số tiền khác"),
    "already_paid": msg("Đã ghi thành tiền dư"),
    "unknown_reference": msg("Không rõ mã"),
    "wrong_account": msg("Vào nhầm tài khoản"),
    "noted": msg("Chỉ ghi nhận"),
}

DAY_CLOSE: Final[Labels] = {
    "closed": pmsg("done", "Chốt sổ"),
    "reopen_requested": pmsg("done", "Đề nghị mở lại"),
    "reopened": msg("Mở lại"),
}

RUN_STATE: Final[Labels] = {
    "queued": msg("Đang chờ"),
    "running": msg("Đang chạy"),
    "stalled": msg("Bị gián đoạn"),
    "done": msg("Đã xong"),
    "failed": msg("Chưa chạy được"),
}

RUN_STEP: Final[Labels] = {
    "match": msg("Ghép dòng sao kê"),
    "record": msg("Ghi khoản thu bị lỡ"),
    "prove": pmsg("step", "Chứng minh số dư"),
}

ROLE: Final[Labels] = {
    "accountant": msg("Kế toán"),
    "approver": pmsg("role", "Người duyệt"),
}

COLUMN_ROLE: Final[Labels] = {
    "date": msg("Ngày giao dịch"),
    "content": msg("Nội dung chuyển khoản"),
    "credit": msg("Tiền vào (ghi có)"),
    "debit": msg("Tiền ra (ghi nợ)"),
    "amount": msg("Số tiền có dấu (+ vào, − ra)"),
    "balance": msg("Số dư sau giao dịch"),
    "transaction_id": msg("Mã giao dịch của ngân hàng"),
    "provider_transaction_id": msg("Mã giao dịch của cổng"),
    "merchant_reference": msg("Mã đơn hàng của trường"),
    "original_reference": msg("Mã giao dịch gốc (hoàn tiền)"),
    "kind": msg("Loại dòng"),
    "gross": msg("Số tiền giao dịch"),
    "fee": msg("Phí chưa VAT"),
    "vat": msg("VAT của phí"),
    "net": msg("Thực nhận"),
    "paid_at": msg("Thời điểm thanh toán"),
    "settled_on": msg("Ngày quyết toán"),
    "batch_id": msg("Mã lô quyết toán"),
    "status": msg("Trạng thái"),
    "currency": msg("Loại tiền"),
}

SETTLEMENT_KIND: Final[Labels] = {
    "pay": msg("Thanh toán"),
    "refund": pmsg("one", "Hoàn tiền"),
    "fee": msg("Phí"),
    "chargeback": msg("Đòi bồi hoàn"),
    "adjustment": msg("Điều chỉnh"),
}

DEBIT_RULE: Final[Labels] = {
    "bank_fee": msg("Phí ngân hàng"),
    "paid_on": msg("Chi trả khoản thu hộ"),
    "own_transfer": msg("Chuyển sang tài khoản khác của trường"),
    "settlement": msg("Quyết toán của cổng thanh toán"),
}

OWN_MONEY: Final[Labels] = {
    "own_transfer": msg("Chuyển từ tài khoản khác của trường, kể cả kho bạc"),
    "state_received": msg("Ngân sách cấp bù miễn, giảm học phí"),
}

# what the last action did; the key stands in the address after the redirect
DONE: Final[Labels] = {
    "cancelled": msg("Đã huỷ phiếu báo thu."),
    "placed": msg("Đã ghi khoản tiền vào phiếu báo thu."),
    "resolved": msg("Đã đóng ngoại lệ."),
    "suspended": msg("Đã đưa khoản tiền về chờ xử lý."),
    "split": msg("Đã chia khoản tiền."),
    "noted": msg("Đã ghi lời."),
    "asked": msg("Đã hỏi đồng nghiệp."),
    "bulk_done": msg("Đã xử lý các ngoại lệ đã chọn."),
    "undone": msg("Đã hoàn tác, ngoại lệ mở lại."),
    "accepted": msg("Đã nhận dữ liệu."),
    "columns_saved": msg("Đã lưu cách đọc các cột của tài khoản này."),
    "columns_forgotten": msg("Đã bỏ cách đọc đã lưu."),
    "discarded": msg("Đã bỏ tệp, không có gì thay đổi."),
    "approved": msg("Đã duyệt đợt thu."),
    "issued": msg("Đã phát hành phiếu báo thu."),
    "reconciled": msg("Đã đối soát ngày này."),
    "day_closed": msg("Đã chốt sổ đến hết ngày này."),
    "reopen_requested": msg("Đã đề nghị mở lại; cần một người khác duyệt."),
    "day_reopened": msg("Đã mở lại ngày này."),
    "refund_requested": msg("Đã ghi đề nghị hoàn tiền."),
    "refund_approved": msg("Đã duyệt hoàn tiền."),
    "refund_rejected": msg("Đã từ chối hoàn tiền."),
    "refund_cancelled": msg("Đã rút đề nghị hoàn tiền."),
    "refund_done": msg("Đã ghi sổ hoàn tiền."),
    "refund_failed": msg("Đã ghi nhận chi không thành."),
    "listed": msg("Đã lập danh sách chi hoàn."),
    "nothing_to_list": msg("Không có khoản nào chờ chi."),
    "channel_enabled": msg("Đã bật kênh thu."),
    "channel_disabled": msg("Đã tắt kênh thu."),
    "debit_booked": msg("Đã ghi sổ."),
    "debits_booked": msg("Đã ghi các khoản phí ngân hàng."),
    "exported": msg("Đã xuất sổ."),
    "account_chosen": msg("Đã ghi tài khoản."),
    "settled": msg("Đã ghi sổ lô quyết toán."),
    "unsettled": msg("Đã tách lô khỏi dòng sao kê; bút toán đã đảo."),
    "terms_set": msg("Đã ghi điều khoản hợp đồng."),
    "nothing": msg("Không có chứng từ mới: tất cả đã xuất trước đó."),
}


_SUBJECTS: Final[Mapping[str, Labels]] = {
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
    "run_state": RUN_STATE,
    "run_step": RUN_STEP,
    "role": ROLE,
    "done": DONE,
}


def label(subject: str, code: str) -> Message:
    """What a code is called. A channel is called as parents know it.

    Raises KeyError for an unknown subject.
    """
    if subject == "channel" and code not in CHANNEL:
        return name_of(code)
    return _SUBJECTS[subject].get(code) or Message(_as_it_is(code))


def _as_it_is(code: str) -> str:
    return code.replace("{", "{{").replace("}", "}}")
