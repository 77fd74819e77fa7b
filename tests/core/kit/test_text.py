"""Vietnamese text in every form it arrives in, and masks that let nothing be read."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.kit.text import compact, mask_account, mask_name, unaccent

VOWELS = {
    "a": "aàảãáạăằẳẵắặâầẩẫấậ",
    "e": "eèẻẽéẹêềểễếệ",
    "i": "iìỉĩíị",
    "o": "oòỏõóọôồổỗốộơờởỡớợ",
    "u": "uùủũúụưừửữứự",
    "y": "yỳỷỹýỵ",
    "d": "dđ",
}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("bare", VOWELS)
def test_every_vietnamese_letter_loses_its_marks(bare: str, form: str):
    for letter in VOWELS[bare]:
        assert unaccent(unicodedata.normalize(form, letter)) == bare
        assert unaccent(unicodedata.normalize(form, letter.upper())) == bare.upper()


def test_unaccent_keeps_everything_else():
    assert unaccent("Đỗ Thị Ánh Nguyệt, lớp 3A – học phí") == "Do Thi Anh Nguyet, lop 3A – hoc phi"
    assert unaccent("Ðức") == "Duc"  # eth, as old keyboards write it
    assert unaccent("김민준 李明") == "김민준 李明"


@given(st.text())
def test_compact_is_only_letters_and_digits_and_stable(text: str):
    done = compact(text)
    assert re.fullmatch("[0-9A-Z]*", done)
    assert compact(done) == done
    assert compact(" ".join(done)) == done


def test_compact_reads_what_banks_send():
    assert compact("VQR303f2894 ce VRC-b.2/") == "VQR303F2894CEVRCB2"
    assert compact("Nộp học phí ＨＰ１２") == "NOPHOCPHIHP12"


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("Nguyễn Minh Anh", "N. M. A***"),
        ("NGUYEN MINH ANH", "N. M. A***"),
        ("Nguyễn Thị Minh Anh", "N. M. A***"),
        ("Công Tằng Tôn Nữ Minh Ánh", "C. M. A***"),
        ("Đỗ Đạt", "D. D***"),
        ("  Lê   An ", "L. A***"),
        ("Y", "Y***"),
        ("H'Hen Niê", "H. N***"),
        ("(Bé) Bo", "B. B***"),
        ("An - Bo", "A. B***"),
        ("李 明", "***"),
        ("", "***"),
    ],
)
def test_a_masked_name(name: str, masked: str):
    assert mask_name(name) == masked
    assert mask_name(unicodedata.normalize("NFD", name)) == masked


@given(st.text() | st.lists(st.text("aăâbcdđeêghiAĂÂBCDĐ'-", min_size=1), max_size=7).map(" ".join))
@example("ß ß")
@example("ﬁ")
def test_no_word_of_a_name_can_be_read(name: str):
    masked = mask_name(name)
    assert re.fullmatch(r"(?:[A-Z0-9]\. ){0,2}[A-Z0-9]?\*\*\*", masked)
    shown = set(re.findall(r"\w+", masked))
    assert all(len(word) == 1 for word in shown)


@given(st.lists(st.text("abcdeghik", min_size=1), min_size=3, max_size=3))
def test_the_length_of_words_does_not_show(words: list[str]):
    assert mask_name(" ".join(words)) == mask_name(" ".join(word[0] for word in words))


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("0123456789", "***6789"),
        ("0123 456-789", "***6789"),
        ("V3CASS01234567", "***4567"),
        ("1234567", "***"),
        ("", "***"),
    ],
)
def test_an_account_shows_its_last_four(number: str, masked: str):
    assert mask_account(number) == masked
