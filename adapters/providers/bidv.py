"""BIDV collection ("thu ho"): the bank asks getbill, its customer pays, the bank tells paybill.

The model, what is signed and what is not, and the choices made: `adapters.providers.pullbill`. Source:
github.com/duchieupham/vietqr_server (controller/bidv, util/BankEncryptUtil). What is usual here is its
variant A; its contract had no separator between the signed values, which is weaker (see there), so an
account has to say `separator` = "" where that is so. Its HMAC-SHA256 spelling is a setting as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from adapters.providers import pullbill

USUAL: Final[Mapping[str, str]] = {
    "separator": "|",
    "algorithm": "md5",
    "codes": "A",
    "shape": "A",
    "error_status": "400",
    "replies": "accept",
    "pays_by": "bill_id",
}
_BANK: Final = pullbill.PullBill(USUAL)

NAME: str = "bidv"
SECRETS: Final[Mapping[str, str]] = pullbill.SECRETS
SETTINGS: Final[Mapping[str, str]] = pullbill.settings(USUAL)
needed = _BANK.needed
callbacks = _BANK.callbacks
read = _BANK.read
acknowledge = _BANK.acknowledge
refuse = _BANK.refuse
answer_lookup = _BANK.answer_lookup
