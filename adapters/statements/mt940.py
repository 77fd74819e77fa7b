"""MT940, SWIFT's customer statement (also MT942 without balances): one message per day or page.

The file is cut into its fields here, so that each keeps its line and what cannot be read is listed; the
grammar of a field (:25:, :60F:, :61:, :62F:) is the mt-940 package's. Its own walk over a file is not
used: it merges a line without a type into the next one, and opens files by name.
Source: SWIFT Standards, Category 9, MT940; https://github.com/wolph/mt940.

Choices where the standard leaves one: the entry date of a line is its posting date, the value date only
where there is no entry date; RC takes money out and RD brings it in; the comma is a decimal mark and
VND has no decimals, so anything but "", "0" or "00" behind it is listed; only the bank's reference
(behind "//") is an id, for the customer's own may repeat. No Vietnamese bank publishes its MT940: a
file that differs is refused or listed, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from mt940.models import Amount, Transactions
from mt940.options import Options
from mt940.tags import BalanceBase, FinalClosingBalance, FinalOpeningBalance, Tag
from mt940.tags import Statement as LineTag

from adapters.contract import FileError, Statement, StatementLine
from adapters.messages import Message, msg
from adapters.statements.balances import StatedBalance
from adapters.statements.message_files import AccountMessage, check_currency, join_messages
from adapters.tabular.cells import MAX_AMOUNT_VND
from adapters.tabular.rows import UnreadableRowError
from adapters.wire import MAX_ID

NAME = "mt940"
MAX_FIELDS = 400_000

# Only tags of MT940 and MT942: a transfer text that goes on with ":30:" is still text.
_FIELD = re.compile(
    r":(?P<tag>20|21|25P?|28C?|13D?|34F|6[02][FM]|61|86|6[45]|90[CD]|NS):(?P<value>.*)"
)
_HEAD_BYTES = 4_000
_LINE, _OPENING, _CLOSING = LineTag(), FinalOpeningBalance(), FinalClosingBalance()
_CONTEXT = Transactions(options=Options.all())  # only its options are read
_SUBFIELD = re.compile(r"\?[0-9]{2}")


@dataclass(frozen=True, slots=True)
class _Field:
    """A field from its line (from 1) on; lines that continue it are joined by a line break."""

    row: int
    tag: str
    value: str


def _bad_line(problem: Message) -> UnreadableRowError:
    return UnreadableRowError(":61:", problem)


def is_mt940(data: bytes) -> bool:
    """Tell by the first fields, behind an envelope or not."""
    try:
        head = _decode(data[:_HEAD_BYTES], is_cut=len(data) > _HEAD_BYTES)
    except UnicodeDecodeError:
        return False
    tags = [match["tag"] for line in head.splitlines() if (match := _FIELD.match(line))]
    return tags[:1] == ["20"] and any(tag in {"25", "25P"} for tag in tags[:8])


def read_messages(data: bytes) -> tuple[Statement, ...]:
    """Read every account's statement; rows are lines of the file, from 1.

    Raises:
        FileError: "bad_encoding", "too_many_rows", "foreign_currency" (or none is named),
            "truncated" (an opening balance without a closing one), "bad_balance" (a balance that
            cannot be read).
    """
    try:
        text = _decode(data)
    except UnicodeDecodeError as error:
        raise FileError("bad_encoding", msg("Không đọc được bảng mã của tệp MT940")) from error
    messages: list[AccountMessage] = []
    fields: list[_Field] = []
    for count, found in enumerate(_fields(text)):
        if count >= MAX_FIELDS:
            raise FileError("too_many_rows", msg("Tệp có hơn {limit} trường", limit=MAX_FIELDS))
        if found.tag == "20" and fields:
            messages.append(_read_message(fields))
            fields = []
        fields.append(found)
    messages.append(_read_message(fields))
    return join_messages(NAME, messages)


def _decode(data: bytes, *, is_cut: bool = False) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "ignore" if is_cut else "strict")
    try:
        return data.decode("utf-8-sig", "ignore" if is_cut else "strict")
    except UnicodeDecodeError:
        return data.decode("cp1258")


def _fields(text: str) -> Iterator[_Field]:
    row, tag, lines = 0, "", list[str]()
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        bare = line.strip("\x01\x03 \t")
        match = _FIELD.match(bare)
        if match or bare in {"-", "-}"} or bare.startswith(("{1:", "-}{")):
            if tag:
                yield _Field(row, tag, "\n".join(lines))
            row, tag, lines = number, match["tag"] if match else "", []
        if match:
            lines = [match["value"]]
        elif tag and bare:
            lines.append(bare)
    if tag:
        yield _Field(row, tag, "\n".join(lines))


def _read_message(fields: list[_Field]) -> AccountMessage:
    message = AccountMessage()
    line: _Field | None = None
    details = ""
    for found in (*fields, None):
        if line and (found is None or found.tag != "86"):
            _add_line(message, line, details)
            line, details = None, ""
        if found is None:
            break
        if found.tag == "61":
            line = found
        elif found.tag == "86" and line:
            details = "\n".join(filter(None, (details, found.value)))
        elif found.tag in {"25", "25P"}:
            message.account_number = _account_number(found.value)
        elif found.tag == "34F":
            check_currency(found.value[:3])
        elif found.tag in {"60F", "60M"} and message.opening is None:
            message.opening = _read_balance(_OPENING, found)
        elif found.tag in {"62F", "62M"}:
            message.closing = _read_balance(_CLOSING, found)
    is_in_vnd = message.opening or message.closing or any(found.tag == "34F" for found in fields)
    if (message.lines or message.unreadable) and not is_in_vnd:
        detail = msg("Bản từ dòng {row} không ghi loại tiền", row=fields[0].row)
        raise FileError("foreign_currency", detail)
    if message.opening and message.closing is None:
        detail = msg(
            "Tệp bị cắt cụt: bản từ dòng {row} không có số dư cuối (:62F:)", row=fields[0].row
        )
        raise FileError("truncated", detail)
    return message


def _account_number(value: str) -> str:
    """The account without the bank's code before it and the currency behind it."""
    first = value.split("\n", maxsplit=1)[0].strip()
    return re.sub(r"[ .-]|VND$", "", first.rpartition("/")[2]).upper()


def _read_balance(tag: BalanceBase, found: _Field) -> StatedBalance:
    try:
        balance = _parse(tag, found.value)[tag.slug]
        amount: Amount = balance.amount
        check_currency(amount.currency or "")
        return StatedBalance(found.row, _vnd(amount))
    except UnreadableRowError as error:
        detail = msg(
            "Dòng {row} (:{tag}:): {problem}", row=found.row, tag=found.tag, problem=error.problem
        )
        raise FileError("bad_balance", detail) from error


def _add_line(message: AccountMessage, found: _Field, details: str) -> None:
    cells = tuple(filter(None, (found.value, details)))
    try:
        message.lines.append(_read_line(found, details, cells))
    except UnreadableRowError as error:
        message.unreadable.append(error.line(found.row, cells))


def _read_line(found: _Field, details: str, cells: tuple[str, ...]) -> StatementLine:
    data = _parse(_LINE, found.value)
    if not data["id"]:  # mandatory; without it the rest of "1.000.000" would be a reference
        raise _bad_line(
            msg("«{value}» không có loại giao dịch ngay sau số tiền", value=found.value[:80])
        )
    amount_vnd = _vnd(data["amount"])
    if not amount_vnd:
        raise _bad_line(msg("dòng không có số tiền"))
    day: date = data.get("entry_date") or data["date"]
    reference = (data["bank_reference"] or "").strip()
    return StatementLine(
        row=found.row,
        posted_on=date(day.year, day.month, day.day),
        credit_vnd=max(amount_vnd, 0),
        debit_vnd=max(-amount_vnd, 0),
        balance_vnd=None,
        content="\n".join(filter(None, (_content(details), (data["extra_details"] or "").strip()))),
        bank_transaction_id=reference if len(reference) <= MAX_ID else "",
        cells=cells,
    )


def _content(details: str) -> str:
    """The text of :86: without the marks of its subfields ("?20", "?21"), which would cut a code in two."""
    if not _SUBFIELD.match(details.lstrip("0123456789")):
        return details
    return "\n".join(filter(None, (part.strip() for part in _SUBFIELD.split(details))))


def _parse(tag: Tag, value: str) -> dict[str, Any]:
    match = tag.re.match(value)  # not tag.parse: it logs what it cannot read, a parent's text
    if match is None:
        raise _bad_line(msg("«{value}» không đúng dạng của trường này", value=value[:80]))
    try:
        return dict(tag(_CONTEXT, match.groupdict()))
    except (ValueError, InvalidOperation) as error:
        raise _bad_line(msg("«{value}» có ngày hoặc số không đúng", value=value[:80])) from error


def _vnd(amount: Amount) -> int:
    number: Decimal = amount.amount
    if not number.is_finite() or abs(number) > MAX_AMOUNT_VND:
        raise _bad_line(msg("số tiền lớn hơn mọi số tiền hợp lý"))
    exponent = number.as_tuple().exponent
    if number != int(number) or (isinstance(exponent, int) and exponent < -2):
        raise _bad_line(msg("«{value}»: tiền đồng không có phần lẻ", value=str(number)))
    return int(number)
