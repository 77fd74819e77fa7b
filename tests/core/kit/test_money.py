"""Amounts in figures and in words: a hand-checked table, and a reader that turns words back."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kit.money import MAX_VND, amount_in_words_vi, format_vnd

WORDS = {
    0: "Không đồng",
    1: "Một đồng",
    4: "Bốn đồng",
    5: "Năm đồng",
    10: "Mười đồng",
    11: "Mười một đồng",
    14: "Mười bốn đồng",
    15: "Mười lăm đồng",
    20: "Hai mươi đồng",
    21: "Hai mươi mốt đồng",
    24: "Hai mươi tư đồng",
    25: "Hai mươi lăm đồng",
    55: "Năm mươi lăm đồng",
    91: "Chín mươi mốt đồng",
    100: "Một trăm đồng",
    101: "Một trăm linh một đồng",
    104: "Một trăm linh bốn đồng",
    105: "Một trăm linh năm đồng",
    110: "Một trăm mười đồng",
    111: "Một trăm mười một đồng",
    115: "Một trăm mười lăm đồng",
    121: "Một trăm hai mươi mốt đồng",
    500: "Năm trăm đồng",
    1_000: "Một nghìn đồng",
    1_001: "Một nghìn không trăm linh một đồng",
    1_010: "Một nghìn không trăm mười đồng",
    1_015: "Một nghìn không trăm mười lăm đồng",
    1_500: "Một nghìn năm trăm đồng",
    10_000: "Mười nghìn đồng",
    15_000: "Mười lăm nghìn đồng",
    21_000: "Hai mươi mốt nghìn đồng",
    105_000: "Một trăm linh năm nghìn đồng",
    1_000_000: "Một triệu đồng",
    1_000_050: "Một triệu không trăm năm mươi đồng",
    1_005_000: "Một triệu không trăm linh năm nghìn đồng",
    1_250_000: "Một triệu hai trăm năm mươi nghìn đồng",
    24_624_000: "Hai mươi tư triệu sáu trăm hai mươi tư nghìn đồng",
    1_000_000_000: "Một tỷ đồng",
    1_000_000_005: "Một tỷ không trăm linh năm đồng",
    2_015_000_000: "Hai tỷ không trăm mười lăm triệu đồng",
    3_000_700_000: "Ba tỷ bảy trăm nghìn đồng",
    123_456_789: "Một trăm hai mươi ba triệu bốn trăm năm mươi sáu nghìn bảy trăm tám mươi chín đồng",
    MAX_VND: "Một nghìn tỷ đồng",
    1_005_000_000_000: "Một nghìn không trăm linh năm tỷ đồng",
    -55_000: "Âm năm mươi lăm nghìn đồng",
}

VALUES = {"không": 0, "một": 1, "mốt": 1, "hai": 2, "ba": 3, "bốn": 4, "tư": 4, "năm": 5, "lăm": 5}
VALUES |= {"sáu": 6, "bảy": 7, "tám": 8, "chín": 9, "mười": 10}


def read_words(words: list[str]) -> int:
    """A reader written apart from the writer: scales split the words, biggest first."""
    for scale, size in (
        ("tỷ", 10**9),
        ("triệu", 10**6),
        ("nghìn", 1000),
        ("trăm", 100),
        ("mươi", 10),
    ):
        if scale in words:
            at = len(words) - 1 - words[::-1].index(scale)
            return read_words(words[:at]) * size + read_words(words[at + 1 :])
    return sum(VALUES[word] for word in words if word != "linh")


@pytest.mark.parametrize(("amount_vnd", "words"), WORDS.items())
def test_words_checked_by_hand(amount_vnd: int, words: str):
    assert amount_in_words_vi(amount_vnd) == words


@given(st.integers(0, 10**18 - 1) | st.integers(0, 10**7).map(lambda n: n * 1000))
def test_words_can_be_read_back(amount_vnd: int):
    words = amount_in_words_vi(amount_vnd)
    assert words[0].isupper()
    assert words[1:] == words[1:].lower()
    assert read_words(words.lower().removesuffix(" đồng").split(" ")) == amount_vnd


@given(st.integers(0, 10**9))
def test_words_follow_the_sound_rules(amount_vnd: int):
    words = amount_in_words_vi(amount_vnd).lower().split()
    for before, word in itertools.pairwise(words):
        assert (before, word) not in {
            ("mươi", "một"),
            ("mươi", "năm"),
            ("mười", "năm"),
            ("mươi", "bốn"),
        }
        assert (before == "mươi") or word not in {"mốt", "tư"}
        assert before in {"mươi", "mười"} or word != "lăm"
        assert before == "trăm" or word != "linh"


def test_amounts_beyond_words_are_refused():
    for amount_vnd in (10**18, -(10**18)):
        with pytest.raises(ValueError, match="1000000000000000000"):
            amount_in_words_vi(amount_vnd)


@pytest.mark.parametrize(
    ("amount_vnd", "vi", "en"),
    [
        (0, "0 đ", "VND 0"),
        (999, "999 đ", "VND 999"),
        (1_250_000, "1.250.000 đ", "VND 1,250,000"),
        (-55_000, "-55.000 đ", "VND -55,000"),
        (MAX_VND, "1.000.000.000.000 đ", "VND 1,000,000,000,000"),
    ],
)
def test_figures(amount_vnd: int, vi: str, en: str):
    assert format_vnd(amount_vnd, "vi") == vi
    assert format_vnd(amount_vnd, "en") == en


def test_figures_refuse_floats_and_other_locales():
    with pytest.raises(ValueError, match="float"):
        format_vnd(1_250_000.0, "vi")  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(ValueError, match="'fr'"):
        format_vnd(1, "fr")


@given(st.integers(-(10**15), 10**15))
def test_figures_hold_the_amount(amount_vnd: int):
    assert int(format_vnd(amount_vnd, "vi").removesuffix(" đ").replace(".", "")) == amount_vnd
    assert int(format_vnd(amount_vnd, "en").removeprefix("VND ").replace(",", "")) == amount_vnd
