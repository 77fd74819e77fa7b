"""Text of people and banks: unaccented, compacted, masked.

What a bank delivers and what a page may show of a child both pass through here. Nothing here ever
guesses at meaning, and no masked form lets a whole word of a name be read.
"""

from __future__ import annotations

import re
import unicodedata

_MARKS = re.compile("[\u0300-\u036f]+")
_NOT_CODE = re.compile("[^0-9A-Z]+")
# đ does not decompose; ð and Ð (eth) are what old Vietnamese fonts and keyboards leave in its place.
_STROKES = str.maketrans("đĐðÐ", "dDdD")
# for plain ASCII, which nearly all of a bank's text is: one pass instead of a search for each gap
_UPPER = bytes(range(256)).upper()
_NO_CODE = bytes(code for code in range(128) if not chr(code).isalnum())


def unaccent(text: str) -> str:
    """Vietnamese without its marks, letter case kept: "Đỗ Ánh Nguyệt" -> "Do Anh Nguyet".

    Composed and decomposed input give the same ASCII; what is not Vietnamese passes through (NFC).
    """
    if text.isascii():
        return text
    bare = _MARKS.sub("", unicodedata.normalize("NFD", text)).translate(_STROKES)
    return unicodedata.normalize("NFC", bare)


def compact(text: str) -> str:
    """Only the characters A-Z and 0-9: unaccented, full-width forms narrowed, upper-cased.

    The form in which a code survives a bank's spaces, dots, dashes and case (protocols: banks wrap
    at a fixed width and cut words and codes in two).
    """
    if text.isascii():
        return text.encode("ascii").translate(_UPPER, _NO_CODE).decode("ascii")
    plain = unaccent(unicodedata.normalize("NFKC", text))
    return _NOT_CODE.sub("", plain.upper())


def mask_name(full_name: str) -> str:
    """A child's name for a page that anyone with the link can open: "Nguyễn Minh Anh" -> "N. M. A***".

    Initials of the family name and of the last two words, without marks; how long each word is, and
    how many stand in the middle, is not shown. A word of a script without Latin letters is left
    out, because one character of it may be the whole word. Nothing left to show gives "***".
    """
    initials = [
        letter
        for word in unaccent(full_name).upper().split()
        if (letter := next(filter(str.isalnum, word), "")) and letter.isascii()
    ]
    if not initials:
        return "***"
    shown = initials if len(initials) <= 3 else [initials[0], *initials[-2:]]
    return "".join(f"{letter}. " for letter in shown[:-1]) + f"{shown[-1]}***"


def mask_account(number: str) -> str:
    """A bank account by its last four characters: "0123 456 789" -> "***6789".

    Separators are dropped first. Under eight characters nothing is shown: four would be most of it.
    """
    digits = compact(number)
    return f"***{digits[-4:]}" if len(digits) >= 8 else "***"
