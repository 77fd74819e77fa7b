"""Virtual account numbers: a prefix and our reference, there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import MerchantAccount, Refused, RefusedError
from adapters.vietqr import MAX_ACCOUNT
from adapters.virtual import MAX_VIRTUAL, reference_behind, reference_of, virtual_account
from core.kit.reference import LENGTH, MAX_NUMBER, make_reference

KEY = b"k" * 16
REFERENCE = make_reference(7, KEY)
prefixes = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=7)
numbers = st.integers(0, MAX_NUMBER)


@given(prefixes, numbers)
def test_every_reference_has_a_number_that_fits_a_vietqr(prefix: str, number: int) -> None:
    reference = make_reference(number, KEY)
    account = virtual_account(prefix, reference)
    assert len(account) == len(prefix) + LENGTH <= MAX_VIRTUAL == MAX_ACCOUNT
    assert account.isalnum()
    assert reference_of(account, prefix) == reference


@pytest.mark.parametrize("prefix", ["", "12345678", "abc", "A B", "A-", "Ạ", "1\n", "１"])
def test_no_prefix(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        virtual_account(prefix, REFERENCE)
    with pytest.raises(ValueError, match="prefix"):
        reference_of("X" + REFERENCE, prefix)


@pytest.mark.parametrize(
    "reference", ["", "HP", REFERENCE[:-1], REFERENCE + "0", REFERENCE.lower(), "HOCPHITHANG9"]
)
def test_no_reference(reference: str) -> None:
    with pytest.raises(ValueError, match="reference"):
        virtual_account("2NDV", reference)
    assert reference_of("2NDV" + reference, "2NDV") == ""


@given(st.text(max_size=40), prefixes)
def test_what_is_read_is_always_the_rest_behind_the_prefix(number: str, prefix: str) -> None:
    reference = reference_of(number, prefix)
    assert reference == "" or virtual_account(prefix, reference) == number


def test_another_prefix_is_not_ours() -> None:
    assert reference_of("2NDW" + REFERENCE, "2NDV") == ""
    assert reference_of("X2NDV" + REFERENCE, "2NDV") == ""


def test_the_setting() -> None:
    number = "2NDV" + REFERENCE
    assert reference_behind(number, account("2NDV")) == REFERENCE
    assert reference_behind(number, account("")) == ""
    with pytest.raises(RefusedError) as caught:
        reference_behind(number, account("TOOLONG8"))
    assert (caught.value.reason, caught.value.field) == (Refused.BUSY, "va_prefix")


def account(prefix: str) -> MerchantAccount:
    return MerchantAccount(account_key="k", secrets={}, settings={"va_prefix": prefix})
