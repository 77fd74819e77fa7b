"""Chốt sổ on the reconciliation page: what stands in the way, the records, and who may do what now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from core.identity.service import Role, User
from core.kit.clock import business_date, now_utc
from core.kit.database import Driver
from core.statistics.days import was_reconciled
from reconciliation.closing.blockers import CloseBlocker, close_blockers
from reconciliation.closing.records import (
    DayClose,
    effective_closes,
    headings_of,
    pending_request,
)

MAX_LISTED: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosePanel:
    """What a person may do about closing a day.

    `close`: the record that holds for the day, None while it is open; `latest`: the close that may be
    reopened; `records`: the newest first. Of all of them the headings only.
    """

    is_open: bool
    was_run: bool
    obstacles: tuple[CloseBlocker, ...]
    close: DayClose | None
    latest: DayClose | None
    request: DayClose | None
    may_approve: bool
    records: tuple[DayClose, ...]


async def close_panel(db: Driver, user: User, day: date) -> ClosePanel:
    """How `day` stands for the person at the console."""
    records = await headings_of(db, user.school_id)
    standing = effective_closes(records)
    request = pending_request(records)
    latest = standing[-1] if standing else None
    is_open = day <= business_date(now_utc()) and (latest is None or day > latest.day)
    was_run = await was_reconciled(db, user.school_id, day)
    return ClosePanel(
        is_open=is_open,
        was_run=was_run,
        obstacles=await close_blockers(db, user.school_id, day) if is_open and was_run else (),
        close=next((record for record in standing if record.day >= day), None),
        latest=latest,
        request=request,
        may_approve=request is not None
        and user.role is Role.APPROVER
        and user.username.casefold() != request.actor.casefold(),
        records=tuple(reversed(records))[:MAX_LISTED],
    )
