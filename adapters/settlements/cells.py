"""What stands in the cells of a settlement file that other files do not have: instants, ids, names of totals.

It knows neither rows nor columns; amounts and days are read by `adapters.tabular.cells`.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Final

from adapters.messages import msg
from adapters.tabular.cells import (
    Cell,
    CellError,
    Formula,
    normalise_header,
    parse_date,
    parse_text,
    show,
)
from adapters.wire import MAX_ID, VIETNAM

_TIME: Final = r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.[0-9]+)?)?"
_DAY_TIME: Final = re.compile(rf"(?P<day>[0-9/.-]+)(?:\s+|T){_TIME}")
_TIME_DAY: Final = re.compile(rf"{_TIME}\s+(?P<day>[0-9/.-]+)")
_OFFSET: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T.*(?:Z|[+-][0-9]{2}:?[0-9]{2})")
_COMPACT: Final = re.compile(r"20[0-9]{12}")
_ROUNDED: Final = re.compile(r"[0-9](?:[.,][0-9]+)?E\+?[0-9]+", re.IGNORECASE)
_TOTAL: Final = re.compile(r"(?:tong|cong|total|sub ?total|grand total|sum)\b.*")
_TOTAL_BATCH: Final = re.compile(
    r"\b(?:lô|batch)\b(?:\s+(?:id|no\.?|số))?\s*[:#]?\s*(?P<id>\S+)", re.IGNORECASE
)
_TOTAL_COUNT: Final = re.compile(
    r"\b(?P<count>[0-9]{1,9})\s+(?:giao dich|gd|mon|transactions?|lines?)\b"
)


def parse_instant(cell: Cell) -> datetime | None:
    """Read a moment, local Vietnamese time unless it has an offset; returns UTC.

    Accepts date cells with a time, "dd/mm/yyyy hh:mm[:ss]" and the other orders of `parse_date`, the
    time first, yyyyMMddHHmmss, ISO 8601. None for an empty cell and for a day without a time.

    Raises:
        CellError: as `parse_date`; "bad_time".
    """
    if isinstance(cell, Formula):
        parse_date(cell)  # refuses it
    if isinstance(cell, datetime):
        return None if _is_midnight(cell) else _local(cell)
    text = " ".join(show(cell).split())
    if not text:
        return None
    try:
        if _COMPACT.fullmatch(text):
            return _local(datetime.strptime(text, "%Y%m%d%H%M%S"))  # noqa: DTZ007 - _local adds it
        if _OFFSET.fullmatch(text):
            return datetime.fromisoformat(text).astimezone(UTC)
        match = _DAY_TIME.fullmatch(text) or _TIME_DAY.fullmatch(text)
        if match:
            day = parse_date(match["day"])
            second = int(match["second"] or 0)
            hour, minute = int(match["hour"]), int(match["minute"])
            return _local(datetime(day.year, day.month, day.day, hour, minute, second))  # noqa: DTZ001
    except (ValueError, OverflowError):
        problem = msg("«{value}» không phải thời điểm có thật", value=text[:40])
        raise CellError("bad_time", problem) from None
    parse_date(cell)
    return None


def parse_id(cell: Cell) -> str:
    """Read a number or name of a transaction, an order, a batch; "" for an empty cell.

    Raises:
        CellError: as `parse_text`; "rounded" where Excel has cut a long number short, "bad_id".
    """
    text = " ".join(parse_text(cell).removeprefix("'").split())
    if _ROUNDED.fullmatch(text):
        problem = msg("«{value}»: Excel đã làm tròn mã này; hãy định dạng cột là Text", value=text)
        raise CellError("rounded", problem)
    if len(text) > MAX_ID or not text.isprintable():
        raise CellError("bad_id", msg("«{value}» không phải mã giao dịch", value=text[:40]))
    return "" if text in {"-", "–", "—"} else text


def is_total(cell: Cell) -> bool:
    """Tell whether a cell names a total ("Tổng cộng", "Cộng lô B1", "Total")."""
    return isinstance(cell, str) and bool(_TOTAL.fullmatch(normalise_header(cell)))


def total_batch(label: str) -> str:
    """The batch that a total's name names; "" if none."""
    match = _TOTAL_BATCH.search(label)
    return match["id"].rstrip(":.,;") if match else ""


def total_count(label: str) -> int | None:
    """The number of transactions that a total's name states ("Tổng 12 giao dịch")."""
    match = _TOTAL_COUNT.search(normalise_header(label))
    return int(match["count"]) if match else None


def stated_day(cell: Cell) -> date | None:
    """The day in a cell; None where it is none."""
    try:
        return parse_date(cell)
    except CellError:
        return None


def _is_midnight(when: datetime) -> bool:
    return (when.hour, when.minute, when.second, when.microsecond) == (0, 0, 0, 0)


def _local(when: datetime) -> datetime:
    return when.replace(tzinfo=VIETNAM, microsecond=0).astimezone(UTC)
