"""Do a settlement file's lines add up? Each line, each batch, each total that the file prints.

Pure arithmetic over what was read. It reports gaps with their place and never corrects a figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import accumulate

from adapters.settlements.lines import (
    SettlementBatch,
    SettlementGap,
    SettlementLine,
    StatedTotals,
    Totals,
    What,
)

Key = tuple[str, date | None]
_NOTHING = Totals(count=0, gross_vnd=0, fee_vnd=0, vat_vnd=0, net_vnd=0)


def check_lines(lines: Iterable[SettlementLine]) -> tuple[SettlementGap, ...]:
    """Every line whose gross − fee − VAT is not its net."""
    return tuple(
        SettlementGap(
            row=line.row,
            sheet=line.sheet,
            batch_id=line.batch_id,
            what=What.NET,
            expected=line.gross_vnd - line.fee_vnd - line.vat_vnd,
            found=line.net_vnd,
        )
        for line in lines
        if line.gross_vnd - line.fee_vnd - line.vat_vnd != line.net_vnd
    )


def check_totals(
    lines: Sequence[SettlementLine], stated: Sequence[StatedTotals]
) -> tuple[tuple[SettlementBatch, ...], tuple[SettlementGap, ...]]:
    """Gather the batches in the order of their first line, and compare each printed total.

    A total that names a batch is compared with all lines of that batch. One that names none stands
    below the lines it sums: those since the total before it, or all above it; it must agree with one.
    A row of a table of batches without a batch's name sums its day, or the whole file.
    """
    members: dict[Key, list[SettlementLine]] = {}
    sheets: dict[str, list[SettlementLine]] = {}
    for line in lines:
        members.setdefault(_key(line), []).append(line)
        sheets.setdefault(line.sheet, []).append(line)
    sums = {key: sum_of(taken) for key, taken in members.items()}
    whole, only = sum_of(lines), next(iter(members)) if len(members) == 1 else None
    running = {
        sheet: list(accumulate(map(_alone, taken), _plus, initial=_NOTHING))
        for sheet, taken in sheets.items()
    }
    printed: dict[Key, StatedTotals] = {}
    gaps: list[SettlementGap] = []
    covered: dict[str, int] = {}
    for total in stated:
        key, expected = _about(total), _NOTHING
        if key:
            expected = sums.get(key, _NOTHING)
        elif total.line_rows is None:
            key, expected = only, whole
        else:
            since = sheets.get(total.sheet, [])[covered.get(total.sheet, 0) : total.line_rows]
            expected = sum_of(since)
            above = running.get(total.sheet, [_NOTHING])[total.line_rows]
            if not since or (_differs(total, expected) and not _differs(total, above)):
                key, expected = only, above
            else:
                keys = set(map(_key, since))
                key = keys.pop() if len(keys) == 1 else None
            if key and sums[key] != expected:
                key = None
        if total.line_rows is not None:
            covered[total.sheet] = total.line_rows
        gaps += _gaps(total, expected)
        if key:
            printed.setdefault(key, total)
    batches = [
        SettlementBatch(
            batch_id=key[0],
            settled_on=_day(members.get(key, ()), printed.get(key)),
            summed=sums.get(key, _NOTHING),
            stated=printed.get(key),
        )
        for key in dict.fromkeys((*members, *printed))
    ]
    return tuple(batches), tuple(gaps)


def sum_of(lines: Iterable[SettlementLine]) -> Totals:
    """What the lines come to."""
    total = _NOTHING
    for line in lines:
        total = _plus(total, _alone(line))
    return total


def _alone(line: SettlementLine) -> Totals:
    return Totals(
        count=1,
        gross_vnd=line.gross_vnd,
        fee_vnd=line.fee_vnd,
        vat_vnd=line.vat_vnd,
        net_vnd=line.net_vnd,
    )


def _plus(one: Totals, other: Totals) -> Totals:
    return Totals(
        count=one.count + other.count,
        gross_vnd=one.gross_vnd + other.gross_vnd,
        fee_vnd=one.fee_vnd + other.fee_vnd,
        vat_vnd=one.vat_vnd + other.vat_vnd,
        net_vnd=one.net_vnd + other.net_vnd,
    )


def _key(line: SettlementLine) -> Key:
    return (line.batch_id, None) if line.batch_id else ("", line.settled_on)


def _about(total: StatedTotals) -> Key | None:
    """The batch that a total names, itself or by its day."""
    if total.batch_id:
        return (total.batch_id, None)
    return ("", total.settled_on) if total.settled_on else None


def _figures(total: StatedTotals, summed: Totals) -> tuple[tuple[What, int | None, int], ...]:
    return (
        (What.COUNT, total.count, summed.count),
        (What.GROSS, total.gross_vnd, summed.gross_vnd),
        (What.FEE, total.fee_vnd, summed.fee_vnd),
        (What.VAT, total.vat_vnd, summed.vat_vnd),
        (What.NET, total.net_vnd, summed.net_vnd),
    )


def _differs(total: StatedTotals, summed: Totals) -> bool:
    figures = _figures(total, summed)
    return any(found is not None and found != expected for _, found, expected in figures)


def _gaps(total: StatedTotals, summed: Totals) -> list[SettlementGap]:
    """Where a total is not the sum of its lines, or is not in itself gross − fee − VAT = net."""
    figures = [
        (what, expected, found)
        for what, found, expected in _figures(total, summed)
        if found is not None and found != expected
    ]
    gross_vnd, fee_vnd, vat_vnd = total.gross_vnd, total.fee_vnd, total.vat_vnd
    if None not in {gross_vnd, fee_vnd, vat_vnd, total.net_vnd}:
        own = (gross_vnd or 0) - (fee_vnd or 0) - (vat_vnd or 0)
        gap = (What.NET, own, total.net_vnd or 0)
        if own != total.net_vnd and gap not in figures:
            figures.append(gap)
    return [
        SettlementGap(
            row=total.row,
            sheet=total.sheet,
            batch_id=total.batch_id,
            what=what,
            expected=expected,
            found=found,
        )
        for what, expected, found in figures
    ]


def _day(lines: Sequence[SettlementLine], stated: StatedTotals | None) -> date | None:
    days = {line.settled_on for line in lines}
    if stated and stated.settled_on:
        days.add(stated.settled_on)
    return days.pop() if len(days) == 1 else None
