"""ISO 20022 camt.053 (statement) and camt.054 (notification of debits and credits), any version.

Names are read without their namespace, for versions differ in what they add. The XML is read by expat
with bounds: a DTD (and with it every entity), deep nesting and too many elements are refused.
Source: ISO 20022 message definitions, Bank-to-Customer Cash Management, https://www.iso20022.org.

Choices where the standard leaves one: the booking date is the posting date, else the value date;
CdtDbtInd is the way the money went, for a reversal too; an entry that is not booked (Sts) is listed and
counts nothing; a batch whose transactions all state their amount and add up to the entry is read
transaction by transaction, any other entry as one line. Only AcctSvcrRef, the bank's own, is an id.
A camt.054 states no balance. Rows count the transactions of the file, from 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from functools import lru_cache
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from adapters.contract import FileError, Statement, StatementLine
from adapters.messages import msg
from adapters.statements.balances import StatedBalance
from adapters.statements.message_files import AccountMessage, check_currency, join_messages
from adapters.tabular.cells import MAX_AMOUNT_VND, CellError, parse_date
from adapters.tabular.rows import UnreadableRowError
from adapters.wire import MAX_ID, VIETNAM

MAX_DEPTH = 40
MAX_ELEMENTS = 500_000

_KINDS = {"BkToCstmrStmt": ("camt.053", "Stmt"), "BkToCstmrDbtCdtNtfctn": ("camt.054", "Ntfctn")}
_HEAD = re.compile(rb"BkToCstmrStmt|BkToCstmrDbtCdtNtfctn|:camt\.05[34]\.")
_HEAD_BYTES = 4_000
_AMOUNT = re.compile(r"(?P<whole>[0-9]{1,18})(?:\.(?P<fraction>[0-9]{0,5}))?")


def is_camt(data: bytes) -> bool:
    """Tell by the first elements, in whichever encoding."""
    head = data[:_HEAD_BYTES].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    return head.startswith(b"<") and bool(_HEAD.search(head))


def read_document(data: bytes) -> tuple[Statement, ...]:
    """Read every account's statement or notification.

    Raises:
        FileError: "bad_xml", "unsafe_xml" (a DTD, or nested too deep), "too_many_cells",
            "unknown_layout" (another message), "foreign_currency", "bad_balance", "empty".
    """
    root = _parse(data)
    body = next((child for child in root.iter() if child.tag in _KINDS), None)
    if body is None:
        raise FileError("unknown_layout", msg("Tệp XML không phải camt.053 hay camt.054"))
    layout, name = _KINDS[body.tag]
    messages: list[AccountMessage] = []
    row = 0
    for statement in body.iterfind(name):
        messages.append(_read_message(statement, row))
        row += len(messages[-1].lines) + len(messages[-1].unreadable)
    return join_messages(layout, messages)


def _parse(data: bytes) -> Element:
    builder = TreeBuilder()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    depth = elements = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, elements
        depth += 1
        elements += 1
        if depth > MAX_DEPTH:
            raise FileError("unsafe_xml", msg("Tệp XML lồng sâu hơn {limit} lớp", limit=MAX_DEPTH))
        if elements > MAX_ELEMENTS:
            raise FileError(
                "too_many_cells", msg("Tệp XML có hơn {limit} phần tử", limit=MAX_ELEMENTS)
            )
        builder.start(_local(name), attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_local(name))

    def refuse(*_: object) -> None:
        raise FileError("unsafe_xml", msg("Tệp XML có khai báo DTD"))

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        detail = msg("Tệp XML bị hỏng hoặc cắt cụt ({reason})", reason=str(error))
        raise FileError("bad_xml", detail) from error
    return builder.close()


@lru_cache(maxsize=512)
def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def _read_message(statement: Element, rows_before: int) -> AccountMessage:
    account = statement.find("Acct")
    message = AccountMessage(account_number=_account_number(account))
    currency = _text(account, "Ccy")
    if currency:
        check_currency(currency)
    row = rows_before
    for entry in statement.iterfind("Ntry"):
        parts = _parts(entry)
        for part in parts:
            row += 1
            cells = tuple(_leaves(entry, part))
            try:
                message.lines.append(_read_line(entry, part, len(parts) == 1, row, cells))
            except UnreadableRowError as error:
                message.unreadable.append(error.line(row, cells))
    balances = {_balance_code(found): found for found in statement.iterfind("Bal")}
    opening = balances.get("OPBD", balances.get("PRCD"))
    message.opening = _read_balance(opening, rows_before + 1)
    message.closing = _read_balance(balances.get("CLBD"), row)
    return message


def _account_number(account: Element | None) -> str:
    number = _text(account, "Id/IBAN") or _text(account, "Id/Othr/Id")
    return re.sub(r"[ .-]", "", number).upper()


def _balance_code(balance: Element) -> str:
    return _text(balance, "Tp/CdOrPrtry/Cd") or _text(balance, "Tp/CdOrPrtry/Prtry")


def _read_balance(balance: Element | None, row: int) -> StatedBalance | None:
    if balance is None:
        return None
    try:
        return StatedBalance(row, _signed_vnd(balance, balance.find("Amt")))
    except UnreadableRowError as error:
        detail = msg(
            "Số dư {code}: {problem}", code=_balance_code(balance)[:8], problem=error.problem
        )
        raise FileError("bad_balance", detail) from error


def _parts(entry: Element) -> list[Element | None]:
    """The transactions that an entry is read as; [None] for the entry as a whole."""
    transactions = entry.findall("NtryDtls/TxDtls")
    if len(transactions) == 1:
        return [transactions[0]]
    try:
        amounts = [_signed_vnd(entry, _amount_of(part), part) for part in transactions]
        if amounts and sum(amounts) == _signed_vnd(entry, entry.find("Amt")):
            return list(transactions)
    except (UnreadableRowError, FileError):
        pass
    return [None]


def _amount_of(transaction: Element) -> Element | None:
    amount = transaction.find("Amt")
    return transaction.find("AmtDtls/TxAmt/Amt") if amount is None else amount


def _signed_vnd(entry: Element, amount: Element | None, part: Element | None = None) -> int:
    """Above zero came in. A transaction of a batch may state its own direction."""
    text = (amount.text or "").strip() if amount is not None else ""
    match = _AMOUNT.fullmatch(text)
    if amount is None or match is None:
        raise UnreadableRowError("Amt", msg("«{value}» không phải số tiền", value=text[:40]))
    check_currency(amount.get("Ccy", ""))
    fraction = match["fraction"] or ""
    if fraction.strip("0") or len(fraction) > 2:
        raise UnreadableRowError("Amt", msg("«{value}»: tiền đồng không có phần lẻ", value=text))
    amount_vnd = int(match["whole"])
    if amount_vnd > MAX_AMOUNT_VND:
        raise UnreadableRowError("Amt", msg("«{value}» lớn hơn mọi số tiền hợp lý", value=text))
    way = _text(part, "CdtDbtInd") or _text(entry, "CdtDbtInd")
    if way not in {"CRDT", "DBIT"}:
        raise UnreadableRowError(
            "CdtDbtInd", msg("«{value}» không nói tiền vào hay tiền ra", value=way[:20])
        )
    return amount_vnd if way == "CRDT" else -amount_vnd


def _read_line(
    entry: Element, part: Element | None, is_whole: bool, row: int, cells: tuple[str, ...]
) -> StatementLine:
    """Read the whole entry, with the details of its one transaction, or one of several parts."""
    status = _text(entry, "Sts/Cd") or _text(entry, "Sts/Prtry") or _text(entry, "Sts")
    if status not in {"BOOK", ""}:
        raise UnreadableRowError(
            "Sts", msg("«{value}»: bút toán chưa ghi sổ, không tính vào số dư", value=status[:20])
        )
    if part is None or is_whole:
        net_vnd = _signed_vnd(entry, entry.find("Amt"))
    else:
        net_vnd = _signed_vnd(entry, _amount_of(part), part)
    if not net_vnd:
        raise UnreadableRowError("Amt", msg("dòng không có số tiền"))
    own_id = _text(part, "Refs/AcctSvcrRef")
    reference = own_id or (_text(entry, "AcctSvcrRef") if is_whole else "")
    return StatementLine(
        row=row,
        posted_on=_day(entry),
        credit_vnd=max(net_vnd, 0),
        debit_vnd=max(-net_vnd, 0),
        balance_vnd=None,
        content=_content(entry, part),
        bank_transaction_id=reference if len(reference) <= MAX_ID else "",
        cells=cells,
    )


def _day(entry: Element) -> date:
    """The business day in Vietnam; a moment with an offset is put into Vietnam's time first."""
    for path in ("BookgDt/Dt", "BookgDt/DtTm", "ValDt/Dt", "ValDt/DtTm"):
        text = _text(entry, path)
        if text:
            try:
                moment = datetime.fromisoformat(text)
                in_vietnam = moment.astimezone(VIETNAM) if moment.tzinfo else moment
                return parse_date(in_vietnam.date())
            except (ValueError, OverflowError, CellError) as error:
                raise UnreadableRowError(
                    path, msg("«{value}» không phải ngày tháng", value=text[:40])
                ) from error
    raise UnreadableRowError("BookgDt", msg("ô trống, cần ngày tháng"))


def _content(entry: Element, part: Element | None) -> str:
    """What the payer wrote, of one transaction or of all; else what the bank wrote."""
    found = []
    for details in entry.iterfind("NtryDtls/TxDtls") if part is None else (part,):
        found += [_squeeze(text.text) for text in details.iterfind("RmtInf/Ustrd")]
        found += [_squeeze(text.text) for text in details.iterfind("RmtInf/Strd/CdtrRefInf/Ref")]
        found.append(_text(details, "AddtlTxInf"))
    return "\n".join(filter(None, found)) or _text(entry, "AddtlNtryInf")


def _leaves(entry: Element, part: Element | None) -> Iterator[str]:
    """The entry as it stood, "name: text" for each element that has text; of a batch, its own part."""
    for child in entry:
        if child.tag != "NtryDtls" or part is None:
            yield from _texts(child)
    if part is not None:
        yield from _texts(part)


def _texts(element: Element) -> Iterator[str]:
    for leaf in element.iter():
        text = _squeeze(leaf.text)
        if text:
            yield f"{leaf.tag}: {text} {leaf.get('Ccy', '')}".rstrip()


def _text(element: Element | None, path: str) -> str:
    return "" if element is None else _squeeze(element.findtext(path))


def _squeeze(text: str | None) -> str:
    return " ".join((text or "").split())
