"""The code of a refund: what the school's bank carries in its text, so that the statement's line is found.

`HOAN` and the refund's number in the school. It is no payment reference: money that a bank sends back
because it could not pay is never mistaken for a family's payment.
"""

from __future__ import annotations

import re

from core.kit.text import compact

PREFIX = "HOAN"
DIGITS = 6
_CODE = re.compile(rf"{PREFIX}[0-9]{{{DIGITS}}}")


def code_of(number: int) -> str:
    """The code of the school's refund `number`, counted from 1: "HOAN000042"."""
    return f"{PREFIX}{number:0{DIGITS}d}"


def transfer_text(number: int) -> str:
    """The text that the bank is asked to carry: unaccented, 20 characters (banks take at least 25)."""
    return f"{code_of(number)} HOAN TIEN"


def codes_in(content: str) -> tuple[str, ...]:
    """Every code that a bank's text may carry, however it was wrapped or glued, in its order."""
    return tuple(dict.fromkeys(_CODE.findall(compact(content))))
