"""VietQR payloads: what the world prints, what we print, and everything that must be refused."""

import contextlib
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.paths import VECTORS

from adapters import vietqr
from adapters.vietqr import FaultReason, Initiation, Service, VietQR, VietQRError

VECTORS = json.loads((VECTORS / "vietqr.json").read_text(encoding="utf-8"))
BUILT = [row for row in VECTORS["builder"] if "bankBin" in row["input"]]
BINS = st.from_regex(r"[0-9]{6}", fullmatch=True)
ACCOUNTS = st.from_regex(r"[0-9A-Za-z]{1,19}", fullmatch=True)
AMOUNTS = st.none() | st.integers(1, vietqr.MAX_AMOUNT_VND)
TEXTS = st.from_regex(r"[A-Z0-9 ]{0,25}", fullmatch=True)


def as_vector(read: VietQR) -> dict[str, Any]:
    """A reading in the shape of the vectors: absent fields left out, the amount as text."""
    shape = {
        "payload_format": read.payload_format,
        "init_method": read.init_method,
        "guid": read.guid,
        "service": read.service,
        "bin": read.bin,
        "account": read.account,
        "other_merchant_accounts": read.other_merchant_accounts or None,
        "mcc": read.mcc,
        "currency": read.currency,
        "amount": None if read.amount_vnd is None else str(read.amount_vnd),
        "tip_indicator": read.tip_indicator,
        "tip_fixed": read.tip_fixed,
        "tip_percent": read.tip_percent,
        "country": read.country,
        "merchant_name": read.merchant_name,
        "city": read.city,
        "postal": read.postal,
        "additional": read.additional or None,
        "language_template": read.language_template or None,
        "unreserved": read.unreserved or None,
    }
    return {name: value for name, value in shape.items() if value is not None}


def present(decoded: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in decoded.items() if value not in (None, {})}


@pytest.mark.parametrize("row", VECTORS["crc_check"], ids=lambda row: row["input"])
def test_crc_check_values(row: dict[str, Any]) -> None:
    assert vietqr.crc16(row["input"]) == row["crc"]


@pytest.mark.parametrize("row", VECTORS["positive"], ids=lambda row: row["id"])
def test_published_codes_are_read(row: dict[str, Any]) -> None:
    read = vietqr.decode(row["payload"])
    assert as_vector(read) == row["decoded"]
    assert read.crc == row["crc"]
    assert [str(fault) for fault in read.warnings] == row["warnings"]
    assert read.errors == ()
    assert vietqr.decode(row["payload"], strict=False) == read


@pytest.mark.parametrize("row", VECTORS["negative"], ids=lambda row: row["id"])
def test_broken_codes_are_refused_and_explained(row: dict[str, Any]) -> None:
    with pytest.raises(VietQRError) as refusal:
        vietqr.decode(row["payload"])
    found = [str(fault) for fault in refusal.value.faults]
    # N13 also carries "6200": the grammar (lengths 01-99) forbids it, the vector only hints at it.
    extra = ["62 is empty"] if row["id"] == "N13" else []
    assert sorted(found) == sorted(row["errors"] + extra)


@pytest.mark.parametrize("row", VECTORS["negative"], ids=lambda row: row["id"])
def test_lenient_reading_keeps_what_can_be_read(row: dict[str, Any]) -> None:
    if row["decoded"] is None:
        with pytest.raises(VietQRError) as refusal:
            vietqr.decode(row["payload"], strict=False)
        assert [fault.reason for fault in refusal.value.faults] == [FaultReason.BAD_TLV]
        return
    read = vietqr.decode(row["payload"], strict=False)
    assert as_vector(read) == present(row["decoded"])
    assert read.crc == row["crc"]
    assert [str(fault) for fault in read.warnings] == row["warnings"]
    assert set(row["errors"]) <= {str(fault) for fault in read.errors}


@pytest.mark.parametrize("row", BUILT, ids=lambda row: row["expected"][-4:])
def test_our_codes_equal_two_independent_builders(row: dict[str, Any]) -> None:
    given_ = row["input"]
    payload = vietqr.encode(
        bin=given_["bankBin"],
        account=given_["bankNumber"],
        amount_vnd=int(given_["amount"]) if "amount" in given_ else None,
        content=given_.get("purpose", ""),
        bill=given_.get("bill", ""),
        service=Service(given_.get("service", "QRIBFTTA")),
    )
    assert payload == row["expected"]
    if "decoded" in row:
        assert as_vector(vietqr.decode(payload)) == row["decoded"]


def test_the_pieces_build_another_family_of_code() -> None:
    row = next(row for row in VECTORS["builder"] if "vnpay" in row["input"])
    shop = row["input"]["vnpay"]
    payload = vietqr.seal(
        vietqr.tlv("00", "01")
        + vietqr.tlv("01", "11")
        + vietqr.tlv("26", vietqr.tlv("00", "A000000775") + vietqr.tlv("01", shop["merchantId"]))
        + vietqr.tlv("53", "704")
        + vietqr.tlv("58", "VN")
        + vietqr.tlv("59", shop["merchantName"])
        + vietqr.tlv("62", vietqr.tlv("03", shop["store"]) + vietqr.tlv("07", shop["terminal"]))
    )
    assert payload == row["expected"]
    assert vietqr.decode(payload).merchant_name == shop["merchantName"]


@given(bin_=BINS, account=ACCOUNTS, amount_vnd=AMOUNTS, content=TEXTS, bill=TEXTS)
def test_what_is_written_is_read_back(
    bin_: str, account: str, amount_vnd: int | None, content: str, bill: str
) -> None:
    payload = vietqr.encode(
        bin=bin_, account=account, amount_vnd=amount_vnd, content=content, bill=bill
    )
    assert payload.isascii()
    read = vietqr.decode(payload)
    assert (read.bin, read.account, read.amount_vnd) == (bin_, account, amount_vnd)
    assert (read.content, read.additional.get("bill", "")) == (content, bill)
    assert read.init_method is (Initiation.STATIC if amount_vnd is None else Initiation.DYNAMIC)
    assert read.service == Service.ACCOUNT
    assert read.warnings == ()


@given(account=ACCOUNTS, content=TEXTS, data=st.data())
def test_one_altered_character_never_passes(
    account: str, content: str, data: st.DataObject
) -> None:
    payload = vietqr.encode(bin="970436", account=account, amount_vnd=1_250_000, content=content)
    at = data.draw(st.integers(0, len(payload) - 1))
    other = data.draw(st.characters(min_codepoint=0x20, max_codepoint=0x7E))
    altered = payload[:at] + other + payload[at + 1 :]
    if altered.upper() == payload.upper() and at >= len(payload) - 4:
        return  # the checksum may be written in lower case
    if altered != payload:
        with pytest.raises(VietQRError):
            vietqr.decode(altered)


@given(st.text() | st.from_regex(r"(00020[0-9]|01021[12]|[0-9]{4}.{0,9}){0,20}"))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(VietQRError):
        assert vietqr.decode(text, strict=False).crc
    with contextlib.suppress(VietQRError):
        assert vietqr.decode(text).errors == ()


@pytest.mark.parametrize(
    ("bad", "where", "reason"),
    [
        ({"bin": "97043"}, "38.01.00", FaultReason.BAD_VALUE),
        ({"bin": "97043６"}, "38.01.00", FaultReason.BAD_VALUE),
        ({"account": ""}, "38.01.01", FaultReason.BAD_VALUE),
        ({"account": "1" * 20}, "38.01.01", FaultReason.BAD_VALUE),
        ({"account": "01234-5"}, "38.01.01", FaultReason.BAD_VALUE),
        ({"account": "0123\n"}, "38.01.01", FaultReason.BAD_VALUE),
        ({"amount_vnd": 0}, "54", FaultReason.BAD_VALUE),
        ({"amount_vnd": -1}, "54", FaultReason.BAD_VALUE),
        ({"amount_vnd": 500_000_000}, "54", FaultReason.BAD_VALUE),
        ({"content": "A" * 26}, "62.08", FaultReason.TOO_LONG),
        ({"content": "hoc phi tháng 9"}, "62.08", FaultReason.NOT_ASCII),
        ({"content": "HP\n1"}, "62.08", FaultReason.NOT_ASCII),
        ({"bill": "A" * 26}, "62.01", FaultReason.TOO_LONG),
    ],
)
def test_what_cannot_be_written_is_named(
    bad: dict[str, Any], where: str, reason: FaultReason
) -> None:
    good = {"bin": "970436", "account": "0123456789", "amount_vnd": 1000, "content": "HP1"}
    with pytest.raises(VietQRError) as refusal:
        vietqr.encode(**{**good, **bad})
    assert [(fault.where, fault.reason) for fault in refusal.value.faults] == [(where, reason)]


def test_every_bad_argument_is_named_at_once() -> None:
    with pytest.raises(VietQRError) as refusal:
        vietqr.encode(bin="x", account="", amount_vnd=0, content="é" * 30)
    assert [fault.where for fault in refusal.value.faults] == [
        "38.01.00", "38.01.01", "54", "62.08", "62.08",
    ]  # fmt: skip


VALID = vietqr.encode(bin="970436", account="0123456789", amount_vnd=50_000, content="HP1")[:-8]


def resealed(old: str, new: str) -> str:
    assert old in VALID
    return vietqr.seal(VALID.replace(old, new, 1))


@pytest.mark.parametrize(
    ("payload", "where", "reason"),
    [
        (resealed("000201", "000202"), "00", FaultReason.BAD_VALUE),
        (resealed("000201010212", "010212000201"), "00", FaultReason.MISPLACED),
        (resealed("010212", "010213"), "01", FaultReason.BAD_VALUE),
        (resealed("010212", ""), "01", FaultReason.MISSING),
        (resealed("5303704", "5303840"), "53", FaultReason.BAD_VALUE),
        (resealed("5303704", ""), "53", FaultReason.MISSING),
        (resealed("5802VN", "5802US"), "58", FaultReason.BAD_VALUE),
        (resealed("5802VN", "5802VN5802VN"), "58", FaultReason.DUPLICATE),
        (resealed("540550000", "540500000"), "54", FaultReason.BAD_VALUE),
        (resealed("540550000", "54050.500"), "54", FaultReason.BAD_VALUE),
        (resealed("540550000", "54055 000"), "54", FaultReason.BAD_VALUE),
        (resealed("540550000", "54055e+04"), "54", FaultReason.BAD_VALUE),
        (resealed("540550000", "541412345678901234"), "54", FaultReason.BAD_VALUE),
        (resealed("A000000727", "A000000728"), "38.00", FaultReason.BAD_VALUE),
        (resealed("0006970436", "0006A70436"), "38.01.00", FaultReason.BAD_VALUE),
        (resealed("QRIBFTTA", "QRIBFTTX"), "38.02", FaultReason.BAD_VALUE),
        (resealed("0803HP1", "0803HPé"), "62.08", FaultReason.NOT_ASCII),
        (resealed("0803HP1", "0804HP1"), "62", FaultReason.BAD_TLV),
        (vietqr.seal(VALID + "5926" + "A" * 26), "59", FaultReason.TOO_LONG),
        (vietqr.seal(VALID + "6016" + "A" * 16), "60", FaultReason.TOO_LONG),
        (vietqr.seal(VALID) + "9901A", "63", FaultReason.MISPLACED),
        (VALID, "63", FaultReason.MISSING),
        (VALID + "99", "", FaultReason.BAD_TLV),
        (vietqr.seal("9999" + "A" * 99) * 6, "", FaultReason.TOO_LONG),
        ("", "00", FaultReason.MISSING),
    ],
)
def test_breaches_of_the_rules_are_told_apart(
    payload: str, where: str, reason: FaultReason
) -> None:
    with pytest.raises(VietQRError) as refusal:
        vietqr.decode(payload)
    assert (where, reason) in [(fault.where, fault.reason) for fault in refusal.value.faults]


@pytest.mark.parametrize("text", ["50000.", "50000.0", "50000"])
def test_an_amount_may_carry_a_point(text: str) -> None:
    payload = resealed("540550000", vietqr.tlv("54", text))
    assert vietqr.decode(payload).amount_vnd == 50_000


def test_accented_merchant_name_counts_characters_in_length_and_bytes_in_checksum() -> None:
    payload = vietqr.seal(VALID + vietqr.tlv("59", "TRƯỜNG A"))
    read = vietqr.decode(payload, strict=False)
    assert read.merchant_name == "TRƯỜNG A"
    assert [fault.reason for fault in read.errors] == [FaultReason.NOT_ASCII]


def test_of_two_equal_fields_the_first_counts() -> None:
    payload = resealed("540550000", "540550000" + "540590000")
    read = vietqr.decode(payload, strict=False)
    assert read.amount_vnd == 50_000
    assert [(fault.reason, fault.where) for fault in read.errors] == [(FaultReason.DUPLICATE, "54")]


def test_a_wrong_checksum_says_what_it_should_have_been() -> None:
    with pytest.raises(VietQRError, match=re.escape("CRC stored FFFF expected")):
        vietqr.decode(VALID + "6304FFFF")
