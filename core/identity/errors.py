"""What the identity service refuses: users, passwords, sessions and API keys that cannot be taken.

No error reveals whether a name exists, and none repeats what was typed.
"""

from __future__ import annotations

from dataclasses import dataclass

from adapters.messages import msg
from core.kit.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    TooManyRequestsError,
    UnauthenticatedError,
)


class BadUsernameError(InvalidError):
    """A username outside the letters and the lengths that are taken."""

    code = "bad_username"
    title = msg("Tên đăng nhập gồm 3-64 chữ cái không dấu, chữ số và . _ @ -")


class BadUserError(InvalidError):
    """A user without a display name or a known role."""

    code = "bad_user"
    title = msg("Cần tên hiển thị (tối đa 100 ký tự) và vai trò accountant hoặc approver.")


class UsernameTakenError(ConflictError):
    """A name belongs to one person in the whole database."""

    code = "username_taken"
    title = msg("Tên đăng nhập này đã có người dùng.")


@dataclass(eq=False)
class WeakPasswordError(InvalidError):
    """Too short, too long, or with the username in it."""

    code = "weak_password"
    title = msg("Mật khẩu chưa đủ mạnh.")
    text = msg("Mật khẩu cần ít nhất {min_length} ký tự và không chứa tên đăng nhập.")
    min_length: int


class LoginFailedError(UnauthenticatedError):
    """A wrong username or a wrong password; which of the two is not revealed."""

    code = "login_failed"
    title = msg("Tên đăng nhập hoặc mật khẩu không đúng.")


@dataclass(eq=False)
class TooManyAttemptsError(TooManyRequestsError):
    """Too many failed logins for a name or from an address."""

    code = "too_many_attempts"
    title = msg("Đăng nhập sai quá nhiều lần.")
    text = msg("Đăng nhập sai quá nhiều lần; hãy thử lại sau {minutes} phút.")
    minutes: int


class BadKeyNameError(InvalidError):
    """An API key's name outside the letters and the lengths that are taken."""

    code = "bad_key_name"
    title = msg("Tên khóa gồm 1-64 chữ cái không dấu, chữ số, khoảng trắng và . _ -")


class KeyNameTakenError(ConflictError):
    """A key in use has the name."""

    code = "key_name_taken"
    title = msg("Đã có khóa đang dùng mang tên này.")


class UnknownApiKeyError(NotFoundError):
    """No key in use has the name."""

    text = msg("Không có khóa nào mang tên này.")
