"""What banks do to a transfer text between the payer's screen and the payee's statement. Pure.

Each shape is one seen in the wild (MBVCB envelopes, MB's wrapping that puts a space in the middle of
a code, ACSP and Trace tails, glued prefixes, MoMo's and BIDV's envelopes). The random source is the
caller's, so a seed gives the same day again.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

WRAP_WIDTH = 35
"""MB lays a NAPAS text out in lines of 35 characters and joins them with a space."""

CODE = re.compile(r"HP[0-9A-Z]{10}")
_SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAYERS = (
    "NGUYEN VAN AN", "TRAN THI BINH", "LE HOANG CUONG", "PHAM THI DUNG", "HOANG VAN EM",
    "VU THI GIANG", "DANG QUOC HUY", "BUI THANH PHUONG", "DO THI KIM LIEN", "NGO MINH QUAN",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Payee:
    """Whom the money goes to, as envelopes print it."""

    number: str
    holder: str
    bank: str  # "VCB", "MB"


Shape = Callable[[str, Payee, random.Random], str]


def unaccented(text: str) -> str:
    """Vietnamese marks stripped, as every bank strips them; case kept."""
    decomposed = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def as_typed(memo: str, _payee: Payee, _rng: random.Random) -> str:
    """Nothing happened."""
    return memo


def upper_with_words(memo: str, _payee: Payee, rng: random.Random) -> str:
    """The payer wrote around the code, the bank upper-cased and stripped it."""
    before, after = rng.choice(
        [("nộp tiền bán trú tháng 11", ""), ("học phí", "cảm ơn cô"), ("CK", "me nop")]
    )
    return unaccented(f"{before} {memo} {after}").strip().upper()


def mbvcb(memo: str, payee: Payee, rng: random.Random) -> str:
    """Vietcombank's app: MBVCB.<transaction>.<trace>.<memo>.CT tu <account> <NAME> toi …"""
    payer = f"{rng.randrange(9_000_000_000, 9_100_000_000)} {rng.choice(_PAYERS)}"
    return (
        f"MBVCB.{rng.randrange(10**10, 10**11)}.{rng.randrange(10**6):06d}.{memo}"
        f".CT tu {payer} toi {payee.number} {payee.holder} tai {payee.bank}"
    )


def mbvcb_wrapped(memo: str, payee: Payee, rng: random.Random) -> str:
    """The same arriving at MB: a space every 35 characters, in the middle of the code too."""
    text = mbvcb(memo, payee, rng)
    lines = [text[at : at + WRAP_WIDTH] for at in range(0, len(text), WRAP_WIDTH)]
    return " ".join(lines) + _acsp(rng)


def space_inside(memo: str, _payee: Payee, rng: random.Random) -> str:
    """One space inside the code, an ACSP tail behind it."""
    code = CODE.search(memo)
    at = rng.randrange(code.start() + 1, code.end()) if code else len(memo)
    return memo[:at] + " " + memo[at:] + _acsp(rng)


def glued_prefix(memo: str, _payee: Payee, rng: random.Random) -> str:
    """ "QR" glued in front; MB's tail names the sender."""
    return f"QR{memo}{_acsp(rng)} NG CHUYEN:CUSTOMER {rng.randrange(10**9, 10**10)}"


def trace_tail(memo: str, _payee: Payee, rng: random.Random) -> str:
    """MB to MB: IBFT in front, the trace twice behind."""
    trace = rng.randrange(10**5, 10**6)
    return f"IBFT {memo} Ma giao dich Trace{trace} Trace {trace}"


def momo(memo: str, _payee: Payee, rng: random.Random) -> str:
    """MoMo to a bank account over NAPAS."""
    number = rng.randrange(10**11, 2 * 10**11)
    return f"{number}-{memo}-CHUYEN TIEN-OQCH{rng.randrange(10**4):04d}Hkqg-MOMO{number}MOMO"


def bidv(memo: str, _payee: Payee, rng: random.Random) -> str:
    """From BIDV: the payer's account in front, the clearing number behind."""
    trace = rng.randrange(10**6)
    return (
        f"TKThe :{rng.randrange(10**12, 10**13)}, tai BIDV. {memo} "
        f"-CTLNHIDI{rng.randrange(10**12):012d}-1/1-CRE-002 {trace:06d}"
    )


def dashes(memo: str, _payee: Payee, _rng: random.Random) -> str:
    """A payer who types the code in groups."""
    return CODE.sub(lambda m: f"{m[0][:4]}-{m[0][4:8]}-{m[0][8:]}", memo)


def lower_case(memo: str, _payee: Payee, _rng: random.Random) -> str:
    """A payer who types it by hand, with the letter O for zero."""
    return "hoc phi " + memo.lower().replace("0", "o")


SHAPES: tuple[Shape, ...] = (
    as_typed, upper_with_words, mbvcb, mbvcb_wrapped, space_inside, glued_prefix, trace_tail, momo,
    bidv, dashes, lower_case,
)  # fmt: skip
_WEIGHTS = (20, 12, 20, 12, 8, 8, 8, 5, 3, 2, 2)


def delivered_text(memo: str, payee: Payee, rng: random.Random) -> str:
    """The memo as the payee's bank shows it, by a shape chosen as often as it is seen."""
    shape: Shape = rng.choices(SHAPES, _WEIGHTS)[0]
    return shape(memo, payee, rng)


def with_wrong_symbol(memo: str, rng: random.Random) -> str:
    """One symbol of the code read or typed wrong. Raises ValueError where there is no code."""
    code = CODE.search(memo)
    if code is None:
        raise ValueError("no code in the memo")
    at = rng.randrange(code.start() + 2, code.end())
    wrong = rng.choice([symbol for symbol in _SYMBOLS if symbol != memo[at]])
    return memo[:at] + wrong + memo[at + 1 :]


def _acsp(rng: random.Random) -> str:
    letters = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=2))
    return f"- Ma GD ACSP/ {letters}{rng.randrange(10**6):06d}"
