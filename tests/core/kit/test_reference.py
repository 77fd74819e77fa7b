"""References: the code's promises checked exhaustively, the finder in real transfer envelopes."""

from __future__ import annotations

import json
import random
import re
from itertools import combinations, pairwise
from typing import NamedTuple

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from support.paths import VECTORS

from core.kit.reference import (
    ALPHABET,
    LENGTH,
    MAX_CONTENT,
    MAX_NUMBER,
    PREFIX,
    Found,
    NotAReferenceError,
    code_of,
    find_references,
    is_reference,
    make_reference,
    make_references,
    number_of,
)
from core.kit.text import compact

KEY = b"a test key of thirty-two bytes.."
CONTENTS = VECTORS / "transfer_contents.json"
CONTENTS = json.loads(CONTENTS.read_text(encoding="utf-8"))["contents"]
FOLD = str.maketrans("OILU", "011V")

numbers = st.integers(0, MAX_NUMBER)
references = numbers.map(lambda number: make_reference(number, KEY))


class Envelope(NamedTuple):
    """A real transfer text cut around the payer's memo."""

    id: str
    before: str
    after: str


def cut(entry: dict[str, str | None]) -> Envelope | None:
    """Cut where the memo stands, allowing for what the bank inserted into it or stripped from it."""
    content, memo = entry["content"] or "", entry["memo_as_sent"] or ""
    letters = [character for character in memo if character.isalnum()]
    if not letters:
        return None
    found = re.search("[^0-9A-Za-z]*".join(map(re.escape, letters)), content)
    return found and Envelope(entry["id"] or "", content[: found.start()], content[found.end() :])


ENVELOPES = [envelope for entry in CONTENTS if (envelope := cut(entry))]


def accidents(content: str, reference: str) -> bool:
    """Whether chance put a second code into `content`, overlapping the true one (counted by hand)."""
    folded = compact(content).translate(FOLD)
    windows = [folded[at : at + LENGTH] for at in range(len(folded) - LENGTH + 1)]
    return any(is_reference(window) and window != reference for window in windows)


def wrong_symbols(reference: str, places: tuple[int, ...], steps: tuple[int, ...]) -> str:
    symbols = list(reference)
    for place, step in zip(places, steps, strict=True):
        old = ALPHABET.index(symbols[len(PREFIX) + place])
        symbols[len(PREFIX) + place] = ALPHABET[(old + step) % 32]
    return "".join(symbols)


def test_the_printed_form_never_changes():
    """References are on paper in parents' hands: another value here breaks every one of them."""
    assert make_references([0, 1, 2, MAX_NUMBER], bytes(range(32))) == GOLDEN
    assert [number_of(reference, bytes(range(32))) for reference in GOLDEN] == [0, 1, 2, MAX_NUMBER]


GOLDEN = ["HPHSZK13E9BH", "HPCH39AVY7SX", "HP8ST8N0KHWK", "HP2XJ8NX3P12"]


@given(number=numbers, key=st.binary(min_size=16, max_size=80))
@example(number=0, key=bytes(16))
@example(number=MAX_NUMBER, key=bytes(16))
def test_a_number_comes_back(number: int, key: bytes):
    reference = make_reference(number, key)
    assert re.fullmatch(f"HP[{ALPHABET}]{{10}}", reference)
    assert is_reference(reference)
    assert 0 <= code_of(reference) <= MAX_NUMBER
    assert number_of(reference, key) == number


def test_a_batch_is_the_same_as_one_by_one_and_all_are_different():
    batch = list(range(7_000_000, 7_050_000))
    made = make_references(batch, KEY)
    assert len(set(made)) == len(batch)
    assert [make_reference(number, KEY) for number in batch[:50]] == made[:50]
    assert len({code_of(reference) for reference in made}) == len(batch)
    assert make_references([], KEY) == []


def test_neighbours_and_keys_look_unrelated():
    """31 of 32 symbols differ between random codes; consecutive numbers should look no closer."""
    made = make_references(range(20_000), KEY)
    other = make_references(range(20_000), KEY[::-1])
    for pairs in (pairwise(made), zip(made, other, strict=True)):
        differing = [sum(a != b for a, b in zip(x[2:10], y[2:10], strict=True)) for x, y in pairs]
        assert sum(differing) / len(differing) == pytest.approx(8 * 31 / 32, abs=0.05)
        assert min(differing) >= 2
    flipped = [
        (code_of(make_reference(n, KEY)) ^ code_of(make_reference(n ^ (1 << bit), KEY))).bit_count()
        for bit in range(40)
        for n in range(0, MAX_NUMBER, MAX_NUMBER // 20)
    ]
    assert sum(flipped) / len(flipped) == pytest.approx(20, abs=0.6)


def test_every_single_wrong_symbol_is_put_right():
    for reference in make_references(range(40), KEY):
        for place in range(10):
            for step in range(1, 32):
                wrong = wrong_symbols(reference, (place,), (step,))
                assert not is_reference(wrong)
                assert find_references(wrong) == (Found(reference, True, 0),)


def test_no_two_wrong_symbols_are_ever_exact():
    """All 43,245 double errors; the docstring's 26 % is the part that is corrected to a third code."""
    (reference,) = make_references([123_456], KEY)
    corrected = 0
    for places in combinations(range(10), 2):
        for first in range(1, 32):
            for second in range(1, 32):
                wrong = wrong_symbols(reference, places, (first, second))
                assert not is_reference(wrong)
                found = find_references(wrong)
                assert all(reading.corrected for reading in found)
                assert all(reading.reference != reference for reading in found)
                corrected += len([reading for reading in found if reading.position == 0])
    assert corrected == 11_160


def test_neighbouring_symbols_swapped_are_never_exact():
    for reference in make_references(range(2_000), KEY):
        for at in range(2, LENGTH - 1):
            swapped = reference[:at] + reference[at + 1] + reference[at] + reference[at + 2 :]
            assert swapped == reference or not is_reference(swapped)


def test_chance_reads_one_of_1024_as_exact_and_310_as_corrected():
    """For fixed data symbols, over every possible pair of check symbols: the docstring's rates."""
    data = make_reference(5, KEY)[: LENGTH - 2]
    windows = [data + a + b for a in ALPHABET for b in ALPHABET]
    assert sum(is_reference(window) for window in windows) == 1
    at_0 = [f for window in windows for f in find_references(window) if f.position == 0]
    assert sum(reading.corrected for reading in at_0) == 310


@pytest.mark.parametrize("place", [0, 1])
def test_a_wrong_letter_in_the_prefix_is_corrected_only_with_the_symbols_exact(place: int):
    reference = make_reference(77, KEY)
    for letter in set(ALPHABET) - {PREFIX[place]}:
        wrong = reference[:place] + letter + reference[place + 1 :]
        assert not is_reference(wrong)
        assert Found(reference, True, 0) in find_references(wrong)
        for symbol in range(10):
            worse = wrong_symbols(wrong, (symbol,), (1,))
            assert all(reading.position for reading in find_references(worse))


def test_lost_and_added_characters_are_not_repaired_to_the_same_reference():
    for reference in make_references(range(300), KEY):
        for at in range(2, LENGTH):
            lost = reference[:at] + reference[at + 1 :]
            assert find_references(lost) == ()
            added = reference[:at] + "7" + reference[at:]
            if added[:LENGTH] != reference:  # a 7 added before a 7, at the very end
                assert Found(reference, False, 0) not in find_references(added)


@pytest.mark.parametrize("filler", [*ALPHABET, "O", "I", "L", "U"])
def test_fillers_are_not_exact(filler: str):
    assert not any(not reading.corrected for reading in find_references("HP" + filler * 10))


def test_a_counter_padded_with_zeros_is_not_exact():
    assert not any(is_reference(f"HP{count:010d}") for count in range(1_000))


@pytest.mark.parametrize(
    "text",
    ["", "HP", "hphszk13e9bh", "HP HSZK13E9BH", "HPHSZK13E9BI", "XPHSZK13E9BH", "HPHSZK13E9BĐ"],
)
def test_what_is_not_printed_so_is_no_reference(text: str):
    assert not is_reference(text)
    with pytest.raises(NotAReferenceError):
        code_of(text)
    with pytest.raises(NotAReferenceError):
        number_of(text, KEY)


def test_numbers_and_keys_out_of_range_are_refused():
    for number in (-1, MAX_NUMBER + 1):
        with pytest.raises(ValueError, match=str(number)):
            make_references([1, number], KEY)
    with pytest.raises(ValueError, match="16 bytes"):
        make_reference(1, b"short")


def test_every_real_envelope_is_used():
    """T005 carries no memo, and in T011 the bank wrote other letters into it."""
    assert {entry["id"] for entry in CONTENTS} - {e.id for e in ENVELOPES} == {"T005", "T011"}


@pytest.mark.parametrize("entry", CONTENTS, ids=lambda entry: entry["id"])
def test_no_real_content_reads_as_a_reference(entry: dict[str, str]):
    assert find_references(entry["content"]) == ()


@pytest.mark.parametrize("envelope", ENVELOPES, ids=lambda envelope: envelope.id)
def test_found_in_every_real_envelope(envelope: Envelope):
    made = make_references(range(200), KEY)
    plain = [r for r in made if not accidents(envelope.before + r + envelope.after, r)]
    assert len(plain) >= 198
    for reference in plain:
        content = envelope.before + reference + envelope.after
        exact = [reading for reading in find_references(content) if not reading.corrected]
        assert exact == [Found(reference, False, len(compact(envelope.before)))]


letters = st.text("ABCDEGHKLMNOPQRSTUVXYabcdhpeiou", max_size=8)


@given(
    envelope=st.sampled_from(ENVELOPES),
    reference=references,
    before=letters,
    after=letters,
    gaps=st.lists(
        st.sampled_from(["", "", " ", "  ", ".", "-", "/", "_", ". "]), min_size=11, max_size=11
    ),
    case=st.sampled_from([str.upper, str.lower, str.title, str.swapcase, str]),
)
def test_found_however_the_bank_mangles_it(envelope, reference, before, after, gaps, case):
    mangled = "".join(a + b for a, b in zip(reference, [*gaps, ""], strict=True))
    content = case(envelope.before + before + mangled + after + envelope.after)
    assume(not accidents(content, reference))
    exact = [reading for reading in find_references(content) if not reading.corrected]
    assert exact == [Found(reference, False, len(compact(envelope.before + before)))]


@given(reference=references, data=st.data())
def test_look_alike_letters_are_folded(reference: str, data: st.DataObject):
    looks = {"0": "0Oo", "1": "1IiLl", "V": "VvUu"}
    written = "".join(data.draw(st.sampled_from(looks.get(symbol, symbol))) for symbol in reference)
    assert find_references(f"Nộp học phí: {written}") == (Found(reference, False, 9),)


def test_vietnamese_marks_and_full_width_forms_do_not_hide_it():
    reference = make_reference(9, KEY)
    wide = "".join(chr(ord(symbol) + 0xFEE0) for symbol in reference)
    for content in (f"Đóng học phí {reference} bé Đỗ Ánh", f"Đóng học phí {wide} bé Đỗ Ánh"):
        assert find_references(content) == (Found(reference, False, 10),)


def test_several_references_are_found_in_order_and_each_once():
    a, b, c = make_references([1, 2, 3], KEY)
    found = find_references(f"{b}{a} va {c}, {a}")
    assert found == (Found(b, False, 0), Found(a, False, 12), Found(c, False, 26))
    damaged = wrong_symbols(a, (4,), (3,))
    assert find_references(f"{damaged} {b}") == (Found(a, True, 0), Found(b, False, 12))
    # The same reference twice, once damaged: its exact reading is the one that counts.
    assert find_references(f"{damaged} {a}") == (Found(a, False, 12),)


def test_exact_wins_over_an_overlapping_corrected_reading():
    """A name that ends in "…HP" before the code, chosen so that its own window can be corrected."""
    for reference in make_references(range(4_000), KEY):
        shadow = "HP" + reference[:10]
        if any(f.corrected for f in find_references(shadow)):
            assert find_references("HP" + reference) == (Found(reference, False, 2),)
            return
    pytest.fail("no shadowed reference among 4,000")


def test_of_two_exact_readings_that_overlap_print_wins_over_words():
    """ "ANH PHUONG" glued to a code can itself check: the reading without folded letters is the code."""
    for reference in make_references(range(20_000), KEY):
        for name in ("HPHUONG", "HPHUC", "HPHONG", "HPHI"):
            shadow = (name + reference)[:LENGTH]
            if is_reference(shadow.translate(FOLD)):
                assert find_references(name + reference) == (Found(reference, False, len(name)),)
                return
    pytest.fail("no shadowed reference among 20,000")


@given(st.text(max_size=300) | st.text("HP0123456789ABXOIL ", max_size=300))
@example("HP" * 600)
@example("ﷺ" * MAX_CONTENT)
def test_any_text_is_searched_without_overlap_and_the_same_way_twice(content: str):
    found = find_references(content)
    assert found == find_references(content)
    assert all(is_reference(reading.reference) for reading in found)
    places = [reading.position for reading in found]
    assert all(b - a >= LENGTH for a, b in pairwise(places))
    assert len({reading.reference for reading in found}) == len(found)


def test_only_the_beginning_of_a_long_text_is_read():
    reference = make_reference(4, KEY)
    assert find_references("." * (MAX_CONTENT - LENGTH) + reference)
    assert not find_references("." * (MAX_CONTENT - LENGTH + 1) + reference)


def shaped(chance: random.Random) -> str:
    """Something a bank or a parent writes that is made of digits and letters, without "HP"."""
    digits = "".join(chance.choices("0123456789", k=40))
    trace = "".join(chance.choices("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=24))
    return chance.choice(
        [
            f"0{digits[:9]} {digits[10:24]}",
            f"MBVCB.{digits[:11]}.{digits[11:17]}.CT tu {digits[17:30]} toi {digits[30:40]}",
            f"{digits[:6]}.{chance.randint(1, 28):02}{chance.randint(1, 12):02}25.{digits[6:12]}",
            f"FT{digits[:5]}{trace[:10]} Ma GD ACSP/ {trace[10:12].lower()}{digits[5:11]}",
            f"{digits[:12]}-{trace}-MOMO{digits[:12]}MOMO",
        ]
    )


def test_nothing_without_the_prefix_is_ever_exact():
    """200,000 account numbers, phones, dates and traces. With "HP" in them, chance is 1/1024."""
    chance = random.Random(20251)
    exact_without_prefix = exact = corrected = 0
    for _ in range(200_000):
        content = shaped(chance)
        for reading in find_references(content):
            exact += not reading.corrected
            corrected += reading.corrected
            exact_without_prefix += not reading.corrected and "HP" not in compact(content)
    assert exact_without_prefix == 0
    assert exact <= 2
    assert corrected <= 1_000
