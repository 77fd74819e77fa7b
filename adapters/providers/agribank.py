"""Agribank collection ("thu ho"): BIDV's model under another bank's name, getbill and then paybill.

The model, what is signed and what is not, and the choices made: `adapters.providers.pullbill`. The bank's paper
is not public; a university's tuition gateway took both banks alike, in variant B, which is what is
usual here: one sum for a customer, its own table of codes, always HTTP 200.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from adapters.providers import pullbill

USUAL: Final[Mapping[str, str]] = {
    "separator": "|",
    "algorithm": "md5",
    "codes": "B",
    "shape": "B",
    "error_status": "200",
    "replies": "accept",
    "pays_by": "bill_id",
}
_BANK: Final = pullbill.PullBill(USUAL)

NAME: str = "agribank"
SECRETS: Final[Mapping[str, str]] = pullbill.SECRETS
SETTINGS: Final[Mapping[str, str]] = pullbill.settings(USUAL)
needed = _BANK.needed
callbacks = _BANK.callbacks
read = _BANK.read
acknowledge = _BANK.acknowledge
refuse = _BANK.refuse
answer_lookup = _BANK.answer_lookup
