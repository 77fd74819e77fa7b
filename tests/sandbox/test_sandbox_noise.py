"""Whatever the sandbox's banks do to a text, the reference in it stays findable."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kit.reference import MAX_NUMBER, find_references, make_reference
from sandbox.noise import SHAPES, WRAP_WIDTH, Payee, Shape, mbvcb_wrapped, with_wrong_symbol

KEY = b"k" * 32
PAYEE = Payee(number="00002026000225", holder="TRUONG TIEU HOC HOA SEN", bank="MB")
references = st.integers(0, MAX_NUMBER).map(lambda number: make_reference(number, KEY))


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
@given(reference=references, seed=st.integers(0, 2**32))
def test_the_reference_survives_every_shape(shape: Shape, reference: str, seed: int) -> None:
    text = shape(reference, PAYEE, random.Random(seed))
    assert reference in [found.reference for found in find_references(text) if not found.corrected]


@given(reference=references, seed=st.integers(0, 2**32))
def test_one_wrong_symbol_is_corrected_and_never_taken_for_exact(reference: str, seed: int) -> None:
    text = with_wrong_symbol(reference, random.Random(seed))
    assert text != reference
    assert [(found.reference, found.corrected) for found in find_references(text)] == [
        (reference, True)
    ]


def test_mb_wraps_inside_the_code_as_in_the_real_sample() -> None:
    text = mbvcb_wrapped("HP0123456789", PAYEE, random.Random(1))
    assert text[WRAP_WIDTH] == " "
    assert "HP0123456789" not in text
    assert "HP0123456789" in text.replace(" ", "")
    assert "- Ma GD ACSP/ " in text


def test_there_is_no_wrong_symbol_without_a_code() -> None:
    with pytest.raises(ValueError, match="no code"):
        with_wrong_symbol("ck tien", random.Random(1))
