"""What is refused of bank accounts, merchant accounts and their credentials. No error shows a credential."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.messages import msg
from core.kit.errors import ConflictError, InvalidError, NotFoundError, ProviderFailedError
from core.kit.faults import Fault
from core.schools.errors import FieldError


class UnknownChannelError(NotFoundError):
    """The school has no such merchant account."""

    text = msg("Không tìm thấy kênh thu này.")


class BankAccountNotFoundError(NotFoundError):
    """The school has no such bank account."""

    text = msg("Không tìm thấy tài khoản ngân hàng này của trường.")


# -- bank accounts and merchant accounts -----------------------------------------------------------


class UnknownBankError(FieldError):
    """No bank has this BIN."""

    code = "unknown_bank"
    title = msg("Không có ngân hàng nào mang mã BIN này (6 chữ số, ví dụ 970436).")


class BadAccountNumberError(FieldError):
    """Not an account number as banks write them."""

    code = "bad_account_number"
    title = msg("Số tài khoản gồm 4-19 chữ số hoặc chữ cái không dấu.")


class BankAccountExistsError(ConflictError):
    """The school has this account number already."""

    code = "bank_account_exists"
    title = msg("Trường đã có số tài khoản này.")


@dataclass(eq=False)
class UnknownAdapterError(FieldError):
    """There is no adapter of this name; `known` are there."""

    code = "unknown_adapter"
    title = msg("Chưa kết nối được với nhà cung cấp này.")
    text = msg("Chưa kết nối được với «{value}»; hiện có: {known}.")
    known: tuple[str, ...]


class BadSettlementError(FieldError):
    """Neither of the two ways in which a provider settles."""

    code = "bad_settlement"
    title = msg("Cách quyết toán là direct hoặc batch.")


# -- credentials -----------------------------------------------------------------------------------


class NoCredentialsError(ConflictError):
    """An account that no provider reports to: statements enter by it."""

    code = "no_credentials"
    title = msg("Kênh thu này không có thông tin kết nối.")


@dataclass(eq=False)
class BadCredentialsError(InvalidError):
    """Credentials other than those that the adapter documents: each wrong entry is a fault."""

    code = "bad_credentials"
    title = msg("Thông tin kết nối chưa đúng.")
    faults: tuple[Fault, ...]


# -- on and off ------------------------------------------------------------------------------------


@dataclass(eq=False)
class ChannelReasonError(InvalidError):
    """A channel is to be turned on or off without a reason, or with one of more than `limit` characters."""

    code = "reason_needed"
    title = msg("Thiếu lý do.")
    text = msg("Hãy ghi lý do, tối đa {limit} ký tự.")
    limit: int


class ChannelAlwaysOnError(ConflictError):
    """The channel of statements is never turned off."""

    code = "always_on"
    title = msg("Kênh sao kê luôn bật: đối soát cần nó.")


class ChannelOnAlreadyError(ConflictError):
    """The channel is to be turned on, and is."""

    code = "stands_so_already"
    title = msg("Kênh thu đã ở trạng thái này.")
    text = msg("Kênh thu đang bật sẵn.")


class ChannelOffAlreadyError(ConflictError):
    """The channel is to be turned off, and is."""

    code = "stands_so_already"
    title = msg("Kênh thu đã ở trạng thái này.")
    text = msg("Kênh thu đã tắt từ trước.")


# -- registering the IPN address -------------------------------------------------------------------


@dataclass(eq=False)
class AccountIncompleteError(InvalidError):
    """A credential that the call needs is missing: `entry` names it."""

    code = "account_incomplete"
    title = msg("Thông tin kết nối còn thiếu.")
    text = msg("Thông tin kết nối còn thiếu: {entry}.")
    entry: str


@dataclass(eq=False)
class NoRegisterCallError(InvalidError):
    """The provider takes no address by a call; those of `known` do."""

    code = "no_register_call"
    title = msg("Nhà cung cấp không nhận địa chỉ qua lệnh gọi; hãy gửi địa chỉ IPN cho họ.")
    text = msg(
        "{adapter} không nhận địa chỉ qua lệnh gọi; hãy gửi địa chỉ IPN cho họ."
        " Tự đăng ký được với: {known}."
    )
    adapter: str
    known: tuple[str, ...]


class ChannelIsOffError(ConflictError):
    """The provider tries the address at once, and a channel that is off refuses it."""

    code = "channel_is_off"
    title = msg(
        "Kênh thu đang tắt nên lần gọi thử của nhà cung cấp sẽ bị từ chối; hãy bật kênh trước."
    )


@dataclass(eq=False)
class ProviderUnansweredError(ProviderFailedError):
    """The provider did not answer: whether it kept the address is unknown."""

    code = "unanswered"
    title = msg(
        "Nhà cung cấp không trả lời; chưa biết địa chỉ đã được nhận hay chưa. Hãy chạy lại."
    )
    text = msg("{adapter} không trả lời; chưa biết địa chỉ đã được nhận hay chưa. Hãy chạy lại.")
    adapter: str


@dataclass(eq=False)
class WebhookNotRegisteredError(ProviderFailedError):
    """The provider refused the address itself."""

    code = "webhook_not_registered"
    title = msg("Nhà cung cấp chưa nhận địa chỉ IPN.")
    text = msg("{adapter} từ chối địa chỉ này. Kiểm tra địa chỉ công khai (HOCPHI_BASE_URL).")
    adapter: str


@dataclass(eq=False)
class CredentialsRefusedError(WebhookNotRegisteredError):
    """The provider did not take the school's credentials."""

    text = msg("{adapter} không nhận thông tin kết nối của trường.")


@dataclass(eq=False)
class WebhookTryFailedError(WebhookNotRegisteredError):
    """The provider's try of the address failed, or it has a fault of its own."""

    text = msg(
        "{adapter} chưa nhận địa chỉ: họ gọi thử không được, hoặc đang có lỗi. Kiểm tra địa chỉ"
        " công khai (HOCPHI_BASE_URL) và khóa kiểm tra rồi chạy lại."
    )
