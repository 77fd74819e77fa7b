"""Virtual account numbers: a prefix that the bank gave the school, then our reference.

A transfer to such a number needs no memo: the number itself says whose debt is paid. Tag 38.01 of a
VietQR holds at most 19 characters (NAPAS QR Format T&C v1.0), so that a prefix has at most 7. The
check symbols of a reference are not verified here: the gateway does that for every reference it reads.
"""

from __future__ import annotations

import re
from typing import Final

from adapters.contract import MerchantAccount, Refused, RefusedError

MAX_VIRTUAL: Final = 19
REFERENCE: Final = re.compile(r"HP[0-9A-HJKMNP-TV-Z]{10}")
"""Our reference as printed: HP and ten symbols of Crockford base 32."""
_PREFIX: Final = re.compile(r"[0-9A-Z]{1,7}")


def virtual_account(prefix: str, reference: str) -> str:
    """The number to pay `reference` to. Raises ValueError for what is no prefix or no reference."""
    _expect_prefix(prefix)
    if not REFERENCE.fullmatch(reference):
        raise ValueError("not a payment reference")
    return prefix + reference


def reference_of(account_number: str, prefix: str) -> str:
    """The reference in a number of ours, "" in any other. Raises ValueError for what is no prefix."""
    _expect_prefix(prefix)
    reference = account_number.removeprefix(prefix)
    is_ours = account_number.startswith(prefix) and REFERENCE.fullmatch(reference)
    return reference if is_ours else ""


def reference_behind(account_number: str, account: MerchantAccount) -> str:
    """`reference_of` under the account's setting `va_prefix`; "" where it has none.

    Raises RefusedError(BUSY) for a setting that is no prefix: the fault is ours.
    """
    prefix = account.settings.get("va_prefix", "")
    try:
        return reference_of(account_number, prefix) if prefix else ""
    except ValueError:
        raise RefusedError(Refused.BUSY, "va_prefix") from None


def is_prefix(text: str) -> bool:
    """Whether a bank may have given it: virtual accounts behind it fit a VietQR."""
    return bool(_PREFIX.fullmatch(text))


def _expect_prefix(prefix: str) -> None:
    if not is_prefix(prefix):
        raise ValueError("a prefix has 1 to 7 digits and capital letters")
