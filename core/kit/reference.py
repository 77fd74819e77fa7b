"""The payment reference: the code a parent's bank carries back to us.

`HP` and ten symbols of Crockford base 32 (no I L O U). Eight symbols carry a 40-bit number scrambled
under a key, so that consecutive invoices look unrelated and nobody guesses a neighbour's; two are a
Reed-Solomon check over GF(32), distance 3. This module makes references and finds them in what banks
deliver. It must never decide that money belongs to an invoice.

What the check promises. Any one or two wrong symbols of ten are never read as exact. One wrong symbol
is put right; two wrong ones may be "put right" into a third code (26 % of them). So a reading with
`corrected` is a proposal and nothing more, unless amount, receiving account and an open invoice all
agree with it: that rule stands where payments are allocated.

What chance produces. Ten random symbols after "HP" read as exact with 1/1024, as corrected with
310/1024 (ten positions times 31 errors): 30 %. "HP" arises from Vietnamese names ("THANH PHUONG"), so
both happen in real memos; an accidental code then names an existing invoice only with (numbers in use) /
2^40, about one in 100,000 for ten million. A reading that names nothing known is no reference.
A prefix with one wrong letter is accepted, as corrected, only where the ten symbols check exactly:
1/1024 for each place with a lone H or P (under two in a real memo: 0.2 % of memos), far less than the
30 % above, and it covers the two places of twelve that the check itself does not. Not repaired: damage
in both prefix and symbols (30 % at every lone H or P), a lost prefix (1/1024 at every character), a
dropped or an added character.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from operator import ne

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from core.kit.text import compact

PREFIX = "HP"
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 12
MAX_NUMBER = 2**40 - 1
MAX_CONTENT = 1_000
"""Characters of a memo that are searched; the longest real content among the test vectors has 211."""


@dataclass(frozen=True, slots=True)
class Found:
    """A reference read in a memo. `position`: where it begins in the compacted memo, from 0."""

    reference: str
    corrected: bool
    position: int


class NotAReferenceError(ValueError):
    """The text is not a reference in its printed form: `HP`, ten symbols, check holding."""


_HALF_BITS = 20
_HALF = 2**_HALF_BITS - 1
_ROUNDS = 10  # as in FF1 (NIST SP 800-38G); six are proven up to about 2^20 known pairs (Patarin)


def _scramble(numbers: Sequence[int], key: bytes, rounds: Iterable[int]) -> list[int]:
    """Run all numbers through the rounds together; the rounds backwards undo it.

    A balanced Feistel network is a bijection whatever its round function; here that is AES of (half,
    round), one call per round for the whole batch: ten times cheaper per number than one by one.
    """
    if len(key) < 16:
        raise ValueError("the reference key needs at least 16 bytes")
    aes_key = blake2b(key, digest_size=32, person=b"hocphi ref v1").digest()
    prf = Cipher(  # block by block, AES is the keyed function wanted here: no text is enciphered
        algorithms.AES(aes_key),
        modes.ECB(),  # noqa: S305 - the mode is unsafe for texts, this is a round function
    ).encryptor()
    blocks = struct.Struct(f"<{2 * len(numbers)}Q")
    lefts = [number >> _HALF_BITS for number in numbers]
    rights = [number & _HALF for number in numbers]
    for round_no in rounds:
        words = [round_no] * (2 * len(numbers))
        words[::2] = rights
        mixed = blocks.unpack(prf.update(blocks.pack(*words)))[::2]
        lefts, rights = rights, [a ^ f & _HALF for a, f in zip(lefts, mixed, strict=True)]
    return [right << _HALF_BITS | left for left, right in zip(lefts, rights, strict=True)]


# Reed-Solomon [10, 8] over GF(32): symbols r0..r9 are valid when, up to a constant, their sum and the
# sum of r_i * a^i are zero. The check is linear, so it is the xor of what each pair (10 bits) adds.


def _times(a: int, b: int) -> int:
    """Product in GF(32), polynomial x^5 + x^2 + 1."""
    product = 0
    for bit in range(5):
        product ^= (a << bit) * (b >> bit & 1)
    for bit in range(8, 4, -1):
        product ^= (0b100101 << bit - 5) * (product >> bit & 1)
    return product


def _power(base: int, exponent: int) -> int:
    result = 1
    for _ in range(exponent):
        result = _times(result, base)
    return result


def _check_of(symbol: int, position: int) -> int:
    """The pair r8 r9 that balances `symbol` standing alone at `position` (0..7)."""
    eighth, ninth = _power(2, 8), _power(2, 9)
    inverse = _power(eighth ^ ninth, 30)
    r9 = _times(_times(symbol, _power(2, position) ^ eighth), inverse)
    return (symbol ^ r9) << 5 | r9


_PAIRS = [a + b for a in ALPHABET for b in ALPHABET]
_PAIR_VALUES = {pair: value for value, pair in enumerate(_PAIRS)}
_CHECKS_BY_SYMBOL = [[_check_of(symbol, place) for symbol in range(32)] for place in range(8)]
_CHECK_0, _CHECK_1, _CHECK_2, _CHECK_3 = (
    [high ^ low for high in _CHECKS_BY_SYMBOL[place] for low in _CHECKS_BY_SYMBOL[place + 1]]
    for place in (0, 2, 4, 6)
)
_ERRORS = range(1, 32)
# Which single error (position, value) explains a difference between check read and check computed.
_REPAIRS = (
    {_CHECKS_BY_SYMBOL[place][error]: (place, error) for place in range(8) for error in _ERRORS}
    | {error << 5: (8, error) for error in _ERRORS}
    | {error: (9, error) for error in _ERRORS}
)
# The constant keeps what people and machines type as filler out of the code: one repeated symbol, and
# a counter padded with zeros (0..999), are never exact.
_CONSTANT = 717


def _with_check(code: int) -> str:
    a, b, c, d = code >> 30, code >> 20 & 1023, code >> 10 & 1023, code & 1023
    check = _CHECK_0[a] ^ _CHECK_1[b] ^ _CHECK_2[c] ^ _CHECK_3[d] ^ _CONSTANT
    return f"{PREFIX}{_PAIRS[a]}{_PAIRS[b]}{_PAIRS[c]}{_PAIRS[d]}{_PAIRS[check]}"


_CHECK_BY_PAIR = tuple(
    dict(zip(_PAIRS, checks, strict=True)) for checks in (_CHECK_0, _CHECK_1, _CHECK_2, _CHECK_3)
)


def _misfit(text: str, at: int) -> int:
    """How the check of the ten symbols from `at` differs from what it should be: 0 is exact.

    KeyError if there are no ten symbols.
    """
    first, second, third, fourth = _CHECK_BY_PAIR
    return (
        first[text[at : at + 2]]
        ^ second[text[at + 2 : at + 4]]
        ^ third[text[at + 4 : at + 6]]
        ^ fourth[text[at + 6 : at + 8]]
        ^ _PAIR_VALUES[text[at + 8 : at + 10]]
        ^ _CONSTANT
    )


def make_references(numbers: Sequence[int], key: bytes) -> list[str]:
    """The references of `numbers` (each 0..2^40-1), in their order. 100,000 take about 0.3 s.

    Raises ValueError for a number out of range or a key under 16 bytes.
    """
    for number in numbers:
        if not 0 <= number <= MAX_NUMBER:
            raise ValueError(f"a reference carries 0..{MAX_NUMBER}, not {number}")
    return [_with_check(code) for code in _scramble(numbers, key, range(_ROUNDS))]


def make_reference(number: int, key: bytes) -> str:
    """The reference of one number; see `make_references`, which is far cheaper for many."""
    return make_references((number,), key)[0]


def is_reference(text: str) -> bool:
    """Whether `text` is a reference exactly as printed: upper case, no spaces, check holding."""
    if len(text) != LENGTH or not text.startswith(PREFIX):
        return False
    try:
        return _misfit(text, len(PREFIX)) == 0
    except KeyError:
        return False


def code_of(reference: str) -> int:
    """The 40-bit scrambled number that the symbols spell: needs no key, and shows nothing of the order.

    Raises NotAReferenceError.
    """
    if not is_reference(reference):
        raise NotAReferenceError("not a payment reference")
    code = 0
    for at in (2, 4, 6, 8):
        code = code << 10 | _PAIR_VALUES[reference[at : at + 2]]
    return code


def number_of(reference: str, key: bytes) -> int:
    """The number that `make_reference` was given. Raises NotAReferenceError, ValueError for a short key.

    Every code of 40 bits is some number: whether it names anything is for the database to say.
    """
    return _scramble((code_of(reference),), key, range(_ROUNDS - 1, -1, -1))[0]


_FOLD = bytes.maketrans(b"OILU", b"011V")
_LETTERS = re.compile(f"[{PREFIX}]")


def find_references(content: str) -> tuple[Found, ...]:
    """All references in a transfer text, in their order, none overlapping another, each named once.

    Only the first `MAX_CONTENT` characters are read, compacted (`kit.text.compact`), with O read as
    0, I and L as 1, U as V. Where readings overlap, exact goes before corrected, then the one with
    fewer letters to fold (print has none, words have many), then the first. Linear in the length.
    """
    text = compact(content[:MAX_CONTENT])
    folded = text.encode("ascii").translate(_FOLD).decode("ascii")
    last = len(text) - LENGTH
    readings: list[tuple[bool, int, int, str]] = []
    before = -1
    for letter in _LETTERS.finditer(folded):
        start = letter.start() - PREFIX.index(letter[0])
        if before < start <= last:
            before = start
            read = _read(folded, start)
            if read is not None:
                window = slice(start, start + LENGTH)
                letters = sum(map(ne, text[window], folded[window]))
                readings.append((read[1], letters, start, read[0]))
    if len(readings) < 2:
        return tuple([Found(code, corrected, start) for corrected, _, start, code in readings])
    best: dict[str, Found] = {}
    taken = bytearray(len(text))
    for corrected, _, start, reference in sorted(readings):
        end = start + LENGTH
        if not (taken[start] or taken[end - 1]):  # all are of one length: an overlap covers an end
            taken[start:end] = b"\x01" * LENGTH
            best.setdefault(reference, Found(reference, corrected, start))
    return tuple(sorted(best.values(), key=lambda found: found.position))


def _read(folded: str, start: int) -> tuple[str, bool] | None:
    """The twelve characters from `start` as (reference, corrected), None when they are none."""
    at = start + len(PREFIX)
    misfit = _misfit(folded, at)
    intact = folded.startswith(PREFIX, start)
    if misfit and not (intact and misfit in _REPAIRS):
        return None
    symbols = folded[at : start + LENGTH]
    if misfit == 0:
        return PREFIX + symbols, not intact
    place, error = _REPAIRS[misfit]
    right = ALPHABET[ALPHABET.index(symbols[place]) ^ error]
    return PREFIX + symbols[:place] + right + symbols[place + 1 :], True
