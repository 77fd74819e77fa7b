"""Statements as messages, for tests: MT940 as SWIFT lays it out, camt.053 and camt.054 as ISO 20022 does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import groupby
from textwrap import wrap
from xml.sax.saxutils import escape

from support.statement_files import Entry


def mt940(
    account: str,
    opening_vnd: int,
    entries: Sequence[Entry],
    *,
    by_day: bool = False,
    envelope: bool = False,
    newline: str = "\r\n",
) -> str:
    """One message, or one for each day; `newline` ends the lines."""
    days = [list(group) for _, group in groupby(entries, lambda entry: entry.day)]
    lines: list[str] = []
    balance_vnd = opening_vnd
    for number, day in enumerate(days if by_day else [list(entries)], start=1):
        if envelope:
            lines.append("{1:F01BFTVVNVXAXXX0000000000}{2:I940SCHOOLXXXXXN}{4:")
        lines += [f":20:STMT{number:08}", f":25:{account}", f":28C:{number}/1"]
        lines.append(f":60F:{_mt_balance(balance_vnd, day[0].day)}")
        for entry in day:
            mark, ident = "C" if entry.net_vnd > 0 else "D", entry.transaction_id
            lines.append(
                f":61:{entry.day:%y%m%d}{entry.day:%m%d}{mark}D{abs(entry.net_vnd)},NTRFNONREF"
                + (f"//{ident}" if ident else "")
            )
            lines += (f":86:{entry.content}").split("\n")
            balance_vnd += entry.net_vnd
        lines.append(f":62F:{_mt_balance(balance_vnd, day[-1].day)}")
        lines.append("-}" if envelope else "-")
    return newline.join([*lines, ""])


def _mt_balance(vnd: int, day: date) -> str:
    return f"{'C' if vnd >= 0 else 'D'}{day:%y%m%d}VND{abs(vnd)},"


def wrapped(text: str) -> str:
    """A transfer text broken into lines of 65, as :86: holds it."""
    return "\n".join(wrap(text, 65))


def camt(
    account: str,
    entries: Sequence[Entry],
    *,
    opening_vnd: int | None,
    version: int = 2,
    batches: bool = False,
    pretty: bool = True,
) -> str:
    """A camt.053 with its balances, or a camt.054 where `opening_vnd` is None.

    `batches`: entries of one day and one direction are one Ntry with a TxDtls each.
    """
    kind, root, name = (
        ("camt.054", "BkToCstmrDbtCdtNtfctn", "Ntfctn")
        if opening_vnd is None
        else ("camt.053", "BkToCstmrStmt", "Stmt")
    )
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{kind}.001.{version:02}"><{root}>',
        "<GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-08-31T23:00:00+07:00</CreDtTm></GrpHdr>",
        f"<{name}><Id>S1</Id><Acct><Id><Othr><Id>{account}</Id></Othr></Id><Ccy>VND</Ccy></Acct>",
    ]
    if opening_vnd is not None:
        closing_vnd = opening_vnd + sum(entry.net_vnd for entry in entries)
        parts += [_bal("OPBD", opening_vnd), _bal("CLBD", closing_vnd), _bal("CLAV", closing_vnd)]
    groups = [[entry] for entry in entries]
    if batches:
        keyed = groupby(entries, lambda entry: (entry.day, entry.net_vnd > 0))
        groups = [list(group) for _, group in keyed]
    parts += [_ntry(group, version) for group in groups]
    parts.append(f"</{name}></{root}></Document>")
    return ("\n" if pretty else "").join(parts)


def _money(vnd: int) -> str:
    way = "CRDT" if vnd > 0 else "DBIT"
    return f'<Amt Ccy="VND">{abs(vnd)}.00</Amt><CdtDbtInd>{way}</CdtDbtInd>'


def _bal(code: str, vnd: int) -> str:
    way = "DBIT" if vnd < 0 else "CRDT"
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
        f'<Amt Ccy="VND">{abs(vnd)}</Amt><CdtDbtInd>{way}</CdtDbtInd>'
        "<Dt><Dt>2026-08-31</Dt></Dt></Bal>"
    )


def _ntry(group: Sequence[Entry], version: int) -> str:
    status = "<Sts>BOOK</Sts>" if version < 8 else "<Sts><Cd>BOOK</Cd></Sts>"
    details = "".join(
        f"<TxDtls><Refs><AcctSvcrRef>{escape(entry.transaction_id)}</AcctSvcrRef></Refs>"
        f"{_money(entry.net_vnd)}"
        f"<RmtInf><Ustrd>{escape(entry.content)}</Ustrd></RmtInf></TxDtls>"
        for entry in group
    )
    return (
        f"<Ntry>{_money(sum(entry.net_vnd for entry in group))}{status}"
        f"<BookgDt><Dt>{group[0].day}</Dt></BookgDt><ValDt><Dt>2026-09-30</Dt></ValDt>"
        f"<NtryDtls>{details}</NtryDtls><AddtlNtryInf>CHUYEN TIEN</AddtlNtryInf></Ntry>"
    )
