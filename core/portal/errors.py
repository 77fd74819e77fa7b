"""What is refused of services and applications. No error names an applicant; faults quote what was sent."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.messages import msg
from core.kit.errors import ConflictError, InvalidError, NotFoundError
from core.kit.faults import Fault


class ServiceNotFoundError(NotFoundError):
    """The school has no such service."""

    text = msg("Không tìm thấy dịch vụ này.")


class ApplicationNotFoundError(NotFoundError):
    """The school has no application under this file code."""

    text = msg("Không tìm thấy hồ sơ này.")


class ReceiptNotFoundError(NotFoundError):
    """No provider has issued a receipt of this payment, or not yet."""

    text = msg("Không tìm thấy biên lai điện tử này.")


class NotAServiceError(ConflictError):
    """The schedule is charged to the roster."""

    code = "not_a_service"
    title = msg("Đợt thu này thu theo lớp, không nhận hồ sơ.")


class ServiceNotApprovedError(ConflictError):
    """The service is a draft."""

    code = "not_approved"
    title = msg("Chưa được duyệt.")
    text = msg("Dịch vụ chưa được duyệt nên chưa nhận hồ sơ.")


class SeveralAccountsError(ConflictError):
    """The service's items are paid to several accounts: one was changed while the service was a draft."""

    code = "several_accounts"
    title = msg("Các khoản của dịch vụ vào nhiều tài khoản khác nhau; hãy lập lại dịch vụ.")


@dataclass(eq=False)
class ApplicationsRefusedError(InvalidError):
    """Applications with faults: nothing of them was written."""

    code = "applications_refused"
    title = msg("Hồ sơ có chỗ cần sửa; chưa có gì được ghi.")
    text = msg("Có {fault_count} chỗ cần sửa trong hồ sơ; chưa có gì được ghi.")
    faults: tuple[Fault, ...]


@dataclass(eq=False)
class FileCodesTakenError(ConflictError):
    """Applications whose file codes stand for others already: nothing of them was written."""

    code = ApplicationsRefusedError.code
    title = ApplicationsRefusedError.title
    text = ApplicationsRefusedError.text
    faults: tuple[Fault, ...]
