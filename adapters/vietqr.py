"""VietQR by NAPAS: the payload of a transfer QR, written and read.

`encode` writes the one shape we print; `decode` reads what any bank or wallet prints and says what
is wrong with it. Nothing here draws a picture, and nothing here ever decides that money arrived: a
QR code is a request. Amounts are integers of VND. Source: NAPAS "QR Format T&C" v1.0 (09/2021), on
EMVCo "Merchant-Presented Mode" 1.1; numbers such as 38.01 are its field ids.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

NAPAS_GUID: Final = "A000000727"
MAX_AMOUNT_VND: Final = 499_999_999  # a NAPAS 247 transfer stays below 500 million (T&C §8.1.1)
MAX_PAYLOAD: Final = 512  # characters, EMVCo MPM §3.2
MAX_ACCOUNT: Final = 19
MAX_CONTENT: Final = 25


class Service(StrEnum):
    """38.02: what the payer's bank is asked to do."""

    ACCOUNT = "QRIBFTTA"  # transfer to an account
    CARD = "QRIBFTTC"  # transfer to a card
    PUSH = "QRPUSH"  # payment to a merchant (older edition)
    CASH = "QRCASH"  # withdrawal at an ATM (older edition)


class Initiation(StrEnum):
    """Field 01. Some issuers print `STATIC` together with an amount: it says nothing about one."""

    STATIC = "static"  # 11: may be paid many times
    DYNAMIC = "dynamic"  # 12: one payment


class FaultReason(StrEnum):
    """What kind of fault it is, for a caller that treats them differently."""

    TOO_LONG = "too_long"
    BAD_TLV = "bad_tlv"
    BAD_CRC = "bad_crc"
    MISSING = "missing"
    DUPLICATE = "duplicate"
    MISPLACED = "misplaced"
    UNEXPECTED = "unexpected"
    BAD_VALUE = "bad_value"
    NOT_ASCII = "not_ascii"
    UNUSUAL = "unusual"  # legal, or at least printed by real banks: only ever a warning


@dataclass(frozen=True, slots=True)
class VietQRFault:
    """One thing that is wrong. `where` is the field id ("38.01", "" for the whole payload)."""

    reason: FaultReason
    where: str
    message: str

    def __str__(self) -> str:
        """The message alone: it names the field already."""
        return self.message


class VietQRError(ValueError):
    """A payload that cannot be written, or must not be trusted. `faults` lists everything at once."""

    def __init__(self, faults: Iterable[VietQRFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(map(str, self.faults)))


@dataclass(frozen=True, slots=True, kw_only=True)
class VietQR:
    """A payload as read. A field that is absent or unreadable is None (or an empty mapping).

    `crc` is the checksum the payload ought to carry, in upper case. `errors` is empty unless the
    payload was read leniently.
    """

    crc: str
    payload_format: str | None = None
    init_method: Initiation | None = None
    guid: str | None = None
    service: str | None = None
    bin: str | None = None
    account: str | None = None
    card_networks: Mapping[str, str] = field(default_factory=dict)  # 02-25, as they stand
    other_merchant_accounts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # 26-51
    mcc: str | None = None
    currency: str | None = None
    amount_vnd: int | None = None
    tip_indicator: str | None = None
    tip_fixed: str | None = None
    tip_percent: str | None = None
    country: str | None = None
    merchant_name: str | None = None
    city: str | None = None
    postal: str | None = None
    additional: Mapping[str, str] = field(default_factory=dict)  # 62, keyed by ADDITIONAL or the id
    language_template: Mapping[str, str] = field(default_factory=dict)  # 64
    unreserved: Mapping[str, str] = field(default_factory=dict)  # 65-99, as they stand
    warnings: tuple[VietQRFault, ...] = ()
    errors: tuple[VietQRFault, ...] = ()

    @property
    def content(self) -> str:
        """The transfer text (62.08) that the payer's bank fills in; "" if none."""
        return self.additional.get("purpose", "")


ADDITIONAL: Final[Mapping[str, str]] = {
    "01": "bill",
    "02": "mobile",
    "03": "store",
    "04": "loyalty",
    "05": "reference",
    "06": "customer",
    "07": "terminal",
    "08": "purpose",
    "09": "consumer_data_request",
}
_LONGEST: Final = {"55": 2, "56": 13, "57": 5, "59": 25, "60": 15, "61": 10}
_INITIATION: Final = {"11": Initiation.STATIC, "12": Initiation.DYNAMIC}


class _Target(NamedTuple):
    """Field 38, as far as it could be read."""

    guid: str | None = None
    service: str | None = None
    bin: str | None = None
    account: str | None = None


def crc16(payload: str) -> str:
    """CRC-16/CCITT-FALSE over the UTF-8 bytes, as four upper-case hex digits (field 63)."""
    return f"{binascii.crc_hqx(payload.encode('utf-8', 'replace'), 0xFFFF):04X}"


def tlv(tag: str, value: str) -> str:
    """One field: id, two-digit length in characters, value (1 to 99 characters)."""
    if not 1 <= len(value) <= 99:
        raise VietQRError(
            [VietQRFault(FaultReason.TOO_LONG, tag, f"{tag} holds 1 to 99 characters")]
        )
    return f"{tag}{len(value):02d}{value}"


def seal(fields: str) -> str:
    """Close a row of fields with its checksum (field 63, always last)."""
    return f"{fields}6304{crc16(fields + '6304')}"


def encode(
    *,
    bin: str,  # noqa: A002 - the word of the trade; nothing here needs the builtin
    account: str,
    amount_vnd: int | None = None,
    content: str = "",
    bill: str = "",
    service: Service = Service.ACCOUNT,
) -> str:
    """The payload that asks for a transfer: fields 00, 01, 38, 53, 54, 58, 62, 63 in this order.

    `bin` is the NAPAS transfer BIN (6 digits), `account` up to 19 letters and digits, `content` the
    transfer text (62.08) and `bill` a bill number (62.01), both up to 25 characters of printable
    ASCII. With an amount the code is dynamic (12), without one static (11).
    Raises VietQRError naming every bad argument.
    """
    faults = [*_unwritable_target(bin, account), *_unwritable_amount(amount_vnd)]
    for tag, text in (("62.01", bill), ("62.08", content)):
        faults += _text_faults(tag, text, MAX_CONTENT)
    if faults:
        raise VietQRError(faults)
    target = tlv("00", bin) + tlv("01", account)
    memo = (tlv("01", bill) if bill else "") + (tlv("08", content) if content else "")
    return seal(
        tlv("00", "01")
        + tlv("01", "11" if amount_vnd is None else "12")
        + tlv("38", tlv("00", NAPAS_GUID) + tlv("01", target) + tlv("02", service))
        + tlv("53", "704")
        + ("" if amount_vnd is None else tlv("54", str(amount_vnd)))
        + tlv("58", "VN")
        + (tlv("62", memo) if memo else "")
    )


def decode(payload: str, *, strict: bool = True) -> VietQR:
    """Read a payload. Lengths count characters, the checksum counts UTF-8 bytes.

    Strict: raises VietQRError with every breach of the NAPAS rules. Lenient: returns what could be
    read, with the breaches in `errors`; it still raises where the row of fields itself is broken,
    because nothing after the break can be distinguished from noise. `warnings` hold what real banks print
    although it is odd; they never raise.
    """
    if len(payload) > MAX_PAYLOAD:
        too_long = VietQRFault(
            FaultReason.TOO_LONG, "", f"payload longer than {MAX_PAYLOAD} characters"
        )
        raise VietQRError([too_long])
    fields, broken = _split(payload, "")
    if broken:
        raise VietQRError(broken)
    errors: list[VietQRFault] = []
    warnings: list[VietQRFault] = []
    first: dict[str, str] = {}
    for tag, value in fields:
        if tag in first:
            errors.append(VietQRFault(FaultReason.DUPLICATE, tag, f"{tag} appears twice"))
        first.setdefault(tag, value)
    crc = _read_crc(payload, fields, errors, warnings)
    errors += _frame_faults(fields, first)
    amount_vnd = _read_amount(first, errors)
    target = _read_target(first, errors)
    others = {
        tag: _read_template(tag, value, errors, needs=("00",))
        for tag, value in first.items()
        if "26" <= tag <= "51" and tag != "38"
    }
    additional = _read_additional(first, errors)
    language = _read_template("64", first["64"], errors) if "64" in first else {}
    for tag, longest in _LONGEST.items():
        errors += _text_faults(tag, first.get(tag, ""), longest)
    init_method = _INITIATION.get(first.get("01", ""))
    if init_method is Initiation.STATIC and "54" in first:
        warnings.append(VietQRFault(FaultReason.UNUSUAL, "54", "static (11) with amount"))
    if init_method is Initiation.DYNAMIC and "54" not in first:
        warnings.append(VietQRFault(FaultReason.UNUSUAL, "01", "dynamic without amount"))
    if strict and errors:
        raise VietQRError(errors)
    return VietQR(
        crc=crc,
        payload_format=first.get("00"),
        init_method=init_method,
        guid=target.guid,
        service=target.service,
        bin=target.bin,
        account=target.account,
        card_networks={tag: value for tag, value in first.items() if "02" <= tag <= "25"},
        other_merchant_accounts=others,
        mcc=first.get("52"),
        currency=first.get("53"),
        amount_vnd=amount_vnd,
        tip_indicator=first.get("55"),
        tip_fixed=first.get("56"),
        tip_percent=first.get("57"),
        country=first.get("58"),
        merchant_name=first.get("59"),
        city=first.get("60"),
        postal=first.get("61"),
        additional=additional,
        language_template=language,
        unreserved={tag: value for tag, value in first.items() if tag >= "65"},
        warnings=tuple(warnings),
        errors=tuple(errors),
    )


def _unwritable_target(bin_: str, account: str) -> list[VietQRFault]:
    faults = []
    if not re.fullmatch(r"[0-9]{6}", bin_):
        faults.append(
            VietQRFault(FaultReason.BAD_VALUE, "38.01.00", "38.01.00 BIN is not 6 digits")
        )
    if not re.fullmatch(rf"[0-9A-Za-z]{{1,{MAX_ACCOUNT}}}", account):
        message = f"38.01.01 account is not 1 to {MAX_ACCOUNT} letters and digits"
        faults.append(VietQRFault(FaultReason.BAD_VALUE, "38.01.01", message))
    return faults


def _unwritable_amount(amount_vnd: int | None) -> list[VietQRFault]:
    if amount_vnd is None or 1 <= amount_vnd <= MAX_AMOUNT_VND:
        return []
    return [VietQRFault(FaultReason.BAD_VALUE, "54", f"54 amount is not 1 to {MAX_AMOUNT_VND} VND")]


def _text_faults(where: str, text: str, longest: int) -> list[VietQRFault]:
    faults = []
    if len(text) > longest:
        faults.append(VietQRFault(FaultReason.TOO_LONG, where, f"{where} longer than {longest}"))
    if not re.fullmatch(r"[\x20-\x7e]*", text):
        faults.append(
            VietQRFault(FaultReason.NOT_ASCII, where, f"{where} holds more than printable ASCII")
        )
    return faults


def _split(text: str, where: str) -> tuple[list[tuple[str, str]], list[VietQRFault]]:
    """Cut a row of fields; the second list says where it broke (at most one fault)."""
    fields: list[tuple[str, str]] = []
    at = 0

    def broken(detail: str) -> tuple[list[tuple[str, str]], list[VietQRFault]]:
        return fields, [VietQRFault(FaultReason.BAD_TLV, where, f"{where} TLV: {detail}".lstrip())]

    while at < len(text):
        tag, digits = text[at : at + 2], text[at + 2 : at + 4]
        if len(digits) < 2:
            return broken(f"trailing {text[at:]}")
        if not re.fullmatch(r"[0-9]{2}", digits):
            return broken(f"length of {tag} is not two digits")
        length, rest = int(digits), len(text) - at - 4
        if length > rest:
            return broken(f"short {tag} want {length} got {rest}")
        if not re.fullmatch(r"[0-9]{2}", tag):
            return broken(f"id {tag} is not two digits")
        fields.append((tag, text[at + 4 : at + 4 + length]))
        at += 4 + length
    return fields, []


def _read_crc(
    payload: str,
    fields: list[tuple[str, str]],
    errors: list[VietQRFault],
    warnings: list[VietQRFault],
) -> str:
    stored = next((value for tag, value in fields if tag == "63"), None)
    if stored is None:
        errors.append(VietQRFault(FaultReason.MISSING, "63", "missing 63"))
        return crc16(payload + "6304")
    if fields[-1][0] != "63":
        errors.append(VietQRFault(FaultReason.MISPLACED, "63", "63 is not last"))
    expected = crc16(payload[: len(payload) - len(fields[-1][1])])
    if stored.upper() != expected:
        errors.append(
            VietQRFault(FaultReason.BAD_CRC, "63", f"CRC stored {stored} expected {expected}")
        )
    elif stored != expected:
        # MB's app prints lower case.
        warnings.append(VietQRFault(FaultReason.UNUSUAL, "63", "lower-case CRC hex"))
    return expected


def _frame_faults(fields: list[tuple[str, str]], first: Mapping[str, str]) -> list[VietQRFault]:
    """What the payload as a whole must have: order, mandatory fields, fixed values."""
    faults = []
    if fields and fields[0][0] != "00" and "00" in first:
        faults.append(VietQRFault(FaultReason.MISPLACED, "00", "00 is not first"))
    faults += [
        VietQRFault(FaultReason.MISSING, tag, f"missing {tag}")
        for tag in ("00", "01", "53", "58")
        if tag not in first
    ]
    if not any("26" <= tag <= "51" for tag in first):
        message = "no merchant account information (26-51)"
        faults.append(VietQRFault(FaultReason.MISSING, "38", message))
    rules = {"00": r"01", "01": r"1[12]", "52": r"[0-9]{4}", "53": r"704", "58": r"VN"}
    faults += [
        VietQRFault(FaultReason.BAD_VALUE, tag, f"{tag} has a value that is not allowed")
        for tag, rule in rules.items()
        if tag in first and not re.fullmatch(rule, first[tag])
    ]
    # Length 00 is outside the grammar (01-99) everywhere.
    faults += [
        VietQRFault(FaultReason.BAD_VALUE, tag, f"{tag} is empty")
        for tag, value in fields
        if not value
    ]
    return faults


def _read_amount(first: Mapping[str, str], errors: list[VietQRFault]) -> int | None:
    text = first.get("54")
    if text is None:
        return None
    # "50000" and "50000." are both legal (T&C field 54); VND has no fraction.
    if len(text) <= 13 and re.fullmatch(r"[0-9]+(\.[0-9]*)?", text):
        amount = Decimal(text)
        if amount > 0 and amount == amount.to_integral_value():
            return int(amount)
    message = "54 is not a whole amount of VND above zero"
    errors.append(VietQRFault(FaultReason.BAD_VALUE, "54", message))
    return None


def _read_template(
    where: str, value: str, errors: list[VietQRFault], needs: tuple[str, ...] = ()
) -> dict[str, str]:
    fields, broken = _split(value, where)
    errors += broken
    if broken:
        return {}
    found: dict[str, str] = {}
    for tag, text in fields:
        inner = f"{where}.{tag}"
        if tag in found:
            errors.append(VietQRFault(FaultReason.DUPLICATE, inner, f"{inner} appears twice"))
        if not text:
            errors.append(VietQRFault(FaultReason.BAD_VALUE, inner, f"{inner} is empty"))
        found.setdefault(tag, text)
    errors += [
        VietQRFault(FaultReason.MISSING, f"{where}.{tag}", f"missing {where}.{tag}")
        for tag in needs
        if tag not in found
    ]
    return found


def _read_target(first: Mapping[str, str], errors: list[VietQRFault]) -> _Target:
    if "38" not in first:
        return _Target()
    outer = _read_template("38", first["38"], errors)
    if outer and outer.get("00") != NAPAS_GUID:
        errors.append(
            VietQRFault(FaultReason.BAD_VALUE, "38.00", f"38.00 GUID is not {NAPAS_GUID}")
        )
    inner: dict[str, str] = {}
    if "01" in outer:
        known = len(errors)
        inner = _read_template("38.01", outer["01"], errors)
        readable = not any(fault.reason is FaultReason.BAD_TLV for fault in errors[known:])
        if readable:
            errors += _target_faults(inner)
    elif outer:
        errors.append(VietQRFault(FaultReason.MISSING, "38.01", "missing 38.01"))
    service = outer.get("02")
    if service is None and outer:
        errors.append(VietQRFault(FaultReason.MISSING, "38.02", "38.02 service code missing"))
    elif service is not None and service not in set(Service):
        errors.append(VietQRFault(FaultReason.BAD_VALUE, "38.02", "38.02 service code unknown"))
    return _Target(outer.get("00"), service, inner.get("00"), inner.get("01"))


def _target_faults(inner: Mapping[str, str]) -> list[VietQRFault]:
    faults = []
    if extra := sorted(inner.keys() - {"00", "01"}):
        message = f"38.01 has unexpected sub-IDs {extra}"
        faults.append(VietQRFault(FaultReason.UNEXPECTED, "38.01", message))
    if not re.fullmatch(r"[0-9]{6}", inner.get("00", "")):
        faults.append(
            VietQRFault(FaultReason.BAD_VALUE, "38.01.00", "38.01.00 BIN is not 6 digits")
        )
    if "01" not in inner:
        faults.append(VietQRFault(FaultReason.MISSING, "38.01.01", "missing 38.01.01"))
    return faults + _text_faults("38.01.01", inner.get("01", ""), MAX_ACCOUNT)


def _read_additional(first: Mapping[str, str], errors: list[VietQRFault]) -> dict[str, str]:
    """Field 62. Ids from 10 up keep their number as the key; their inside is their owner's."""
    if not first.get("62"):
        return {}
    found = _read_template("62", first["62"], errors)
    for tag, text in found.items():
        longest = 3 if tag == "09" else 25 if tag in ADDITIONAL else 99
        errors += _text_faults(f"62.{tag}", text, longest)
    return {ADDITIONAL.get(tag, tag): text for tag, text in found.items()}
