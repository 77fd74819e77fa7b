"""Money is an integer of VND: its bound, its figures and its words.

There is no fraction of a đồng and never a float. Amounts are formatted here alone, so that a page, a
receipt and a voucher never spell the same money in two ways.
"""

from __future__ import annotations

from adapters import messages

MAX_VND = 10**12
"""The largest single amount that any input may carry (inclusive): 1,000 tỷ, far above a school's year."""

_LARGEST_IN_WORDS = 10**18 - 1
_DIGITS = ("không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín")
_SCALES = ((1_000_000, "triệu"), (1_000, "nghìn"), (1, ""))


def format_vnd(amount_vnd: int, locale: str) -> str:
    """Figures for people: "1.250.000 đ" for "vi", "VND 1,250,000" for "en".

    Raises ValueError for another locale or for a float.
    """
    if locale not in ("vi", "en"):
        raise ValueError(f"no money format for locale {locale!r}")
    if not isinstance(amount_vnd, int):
        raise ValueError(f"money is an integer of VND, not a {type(amount_vnd).__name__}")  # noqa: TRY004
    return messages.format_vnd(amount_vnd, "vi" if locale == "vi" else "en")


def amount_in_words_vi(amount_vnd: int) -> str:
    """The amount as a Vietnamese receipt writes it: "Một triệu hai trăm năm mươi nghìn đồng".

    Northern forms, as on State vouchers (nghìn, linh, tỷ). After a first group, the next group that
    is not zero is read with its hundreds ("một triệu không trăm linh năm nghìn"); groups of zeros are
    skipped. Negative amounts, which stand on reversals, begin with "Âm".
    Raises ValueError from 10^18 on.
    """
    if abs(amount_vnd) > _LARGEST_IN_WORDS:
        raise ValueError(f"amount beyond words: {amount_vnd}")
    words = _read(abs(amount_vnd), full=False) or [_DIGITS[0]]
    if amount_vnd < 0:
        words.insert(0, "âm")
    sentence = " ".join([*words, "đồng"])
    return sentence[0].upper() + sentence[1:]


def _read(number: int, *, full: bool) -> list[str]:
    """Words of `number`; `full` when something stands before it, so hundreds are always named."""
    words: list[str] = []
    billions, rest = divmod(number, 10**9)
    if billions:
        words += [*_read(billions, full=full), "tỷ"]
    for size, scale in _SCALES:
        group, rest = divmod(rest, size)
        if group:
            words += _read_group(group, full=full or bool(words))
            words += [scale] if scale else []
    return words


def _read_group(group: int, *, full: bool) -> list[str]:
    """Words of 1..999. mốt, tư and lăm stand after mươi; lăm also after mười; linh for an empty ten."""
    hundreds, tens, units = group // 100, group // 10 % 10, group % 10
    words: list[str] = []
    if hundreds or full:
        words += [_DIGITS[hundreds], "trăm"]
    if tens == 1:
        words.append("mười")
    elif tens:
        words += [_DIGITS[tens], "mươi"]
    elif units and words:
        words.append("linh")
    if units == 5 and tens:
        words.append("lăm")
    elif tens >= 2 and units in {1, 4}:
        words.append("mốt" if units == 1 else "tư")
    elif units:
        words.append(_DIGITS[units])
    return words
