"""What is refused of invoices. No error names a pupil."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.messages import msg
from core.kit.errors import ConflictError, MalformedError, NotFoundError


class InvoiceNotFoundError(NotFoundError):
    """There is no such invoice, or not for whoever asks."""

    text = msg("Không tìm thấy phiếu báo thu này.")


class CancelReasonMissingError(MalformedError):
    """An invoice is to be cancelled without a reason."""

    code = "reason_missing"
    title = msg("Thiếu lý do.")
    text = msg("Hãy ghi lý do huỷ.")


class AlreadyCancelledError(ConflictError):
    """The invoice was cancelled before."""

    code = "already_cancelled"
    title = msg("Phiếu báo thu đã được huỷ trước đó.")


class InvoiceHasMoneyError(ConflictError):
    """The invoice received money, which has to be allocated elsewhere first."""

    code = "invoice_has_money"
    title = msg(
        "Phiếu báo thu đã nhận tiền nên không huỷ được. Hãy chuyển khoản thu sang nơi khác trước."
    )


class NotForTheRosterError(ConflictError):
    """The schedule is a service: its invoices come with applications."""

    code = "not_for_the_roster"
    title = msg(
        "Đây là dịch vụ thu theo hồ sơ: phiếu báo thu được lập khi có hồ sơ, không phát hành theo lớp."
    )


class ScheduleNotApprovedError(ConflictError):
    """The schedule is a draft."""

    code = "not_approved"
    title = msg("Chưa được duyệt.")
    text = msg("Đợt thu chưa được duyệt nên chưa phát hành được.")


class NobodyToChargeError(ConflictError):
    """No enrolled pupil is charged by the schedule."""

    code = "nobody_to_charge"
    title = msg(
        "Không có học sinh nào phải thu theo đợt thu này; hãy nhập danh sách học sinh của năm học."
    )


@dataclass(eq=False)
class ChargedBeforeError(ConflictError):
    """Another schedule has charged the same pupils for the same item in the same month."""

    code = "charged_before"
    title = msg("Đợt thu khác đã thu các khoản này cho cùng tháng.")
    text = msg(
        "Đợt thu «{name}» (số {schedule_id}) đã thu {charges} khoản trong số này cho cùng tháng; hãy huỷ"
        " phiếu báo thu cũ hoặc bỏ các khoản đó rồi lập lại đợt thu."
    )
    schedule_id: int
    name: str
    charges: int
