"""The bank list: keyed by BIN, complete, and honest about its date and sources."""

import json
import unicodedata
from importlib import resources

from adapters import banks


def test_every_bin_is_six_digits_and_unique() -> None:
    bins = [entry.bin for entry in banks.banks()]
    assert bins == sorted(set(bins))
    assert all(len(bin_) == 6 and bin_.isascii() and bin_.isdigit() for bin_ in bins)
    assert len(bins) == 71


def test_a_bank_is_found_by_its_bin() -> None:
    vietcombank = banks.bank("970436")
    assert vietcombank is not None
    assert (vietcombank.short_name, vietcombank.swift) == ("Vietcombank", "BFTVVNVX")
    assert vietcombank.transfer_supported is True
    assert vietcombank in banks.banks()


def test_an_ambiguous_code_is_two_banks() -> None:
    names = {bin_: entry.name for bin_ in ("970438", "970454") if (entry := banks.bank(bin_))}
    assert len(set(names.values())) == 2


def test_unknown_bins_have_no_bank() -> None:
    for bin_ in ("", "000000", "97043", "VCB"):
        assert banks.bank(bin_) is None


def test_the_data_is_dated_and_sourced() -> None:
    data = json.loads(
        resources.files("adapters").joinpath("data", banks.DATA).read_text(encoding="utf-8")
    )
    assert data["as_of"] in banks.DATA
    assert data["sources"]


def test_names_are_in_composed_form_so_that_they_compare_equal() -> None:
    assert all(unicodedata.is_normalized("NFC", bank.name) for bank in banks.banks())
