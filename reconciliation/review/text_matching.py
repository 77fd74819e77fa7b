"""Whether a payer's text names a pupil: by the code, or by a name however cut or misspelt. Pure."""

from __future__ import annotations

import re

from rapidfuzz import fuzz

from core.kit.text import compact

NAME_FROM = 80
"""Of 100: how alike a name and its place in the text must be: two or three letters off, or cut."""
TOGETHER_FROM = 90
"""The same where the spaces are gone, and with them where a word begins."""
MIN_NAME = 6
"""Letters of a name below which it is found in any text."""
MIN_CODE = 4


def names_code(plain: str, code_text: str, code: str) -> bool:
    """Whether a text, unaccented and compacted, names a pupil's or an application's code.

    What a code is written with (dots, dashes, spaces) may be lost or added; a code within a longer
    number or word is none.
    """
    bare = compact(code)
    if len(bare) < MIN_CODE or bare not in code_text:
        return False
    before = "(?<![0-9])" if bare[0].isdigit() else "(?<![a-z])"
    after = "(?![0-9])" if bare[-1].isdigit() else "(?![a-z])"
    spelt = "[^0-9a-z]*".join(bare.lower())
    return re.search(f"{before}{spelt}{after}", plain) is not None


def name_alike(search_name: str, plain: str, words: frozenset[str]) -> int:
    """Of 100, how well a name is found in an unaccented text; 0 where it is not.

    Cut at its end, run together or misspelt it still counts, if nearly all of it is there; else most
    of its words must stand in the text, the given name (the last) among them.
    """
    if len(search_name) < MIN_NAME:
        return 0
    score = fuzz.partial_ratio(search_name, plain, score_cutoff=NAME_FROM)
    if score:
        return int(score)
    own = search_name.split()
    present = sum(word in words for word in own)
    if own[-1] in words and 3 * present >= 2 * len(own):
        return 100 * present // len(own)
    together = search_name.replace(" ", "")
    return int(fuzz.partial_ratio(together, plain.replace(" ", ""), score_cutoff=TOGETHER_FROM))
