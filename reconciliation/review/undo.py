"""Taking the last decision about an exception back: by the reversal of what it posted, never by deleting.

A return to the payer is withdrawn while nothing has left for the bank.
"""

from __future__ import annotations

from core.exceptions.notes import write_notes
from core.exceptions.resolutions import BY_WORD, Resolution
from core.exceptions.service import reopen
from core.identity.audit import audit
from core.kit.database import Driver
from core.refunds.service import cancel_refund
from reconciliation.review.actions import Action
from reconciliation.review.allocations import PostedStep, reverse_last_step
from reconciliation.review.decisions import unmoved
from reconciliation.review.locking import lock_for
from reconciliation.review.notes import require_note
from reconciliation.review.queue import find_exception


async def undo_decision(
    db: Driver,
    school_id: int,
    exception_id: int,
    *,
    actor: str,
    reason: str,
    mark: str | None = None,
) -> PostedStep | None:
    """Take the last decision back; what was posted, None where no money had moved.

    Raises as `require_note`, `lock_for`, `reverse_last_step` and `core.refunds.service.cancel_refund`.
    """
    why = require_note(reason)
    seen = await find_exception(db, school_id, exception_id)
    if seen.resolution is Resolution.REFUNDED and "refund_id" in seen.detail:
        # the refund is locked before its exception, as whoever decides on it does
        await cancel_refund(db, school_id, seen.detail["refund_id"], actor=actor, note=why)
        await audit(
            db,
            school_id,
            actor=actor,
            action="exception.return_undone",
            subject=f"exception:{exception_id}",
            detail={
                "resolution_before": Resolution.REFUNDED,
                "resolution": None,
                **unmoved(seen),
            },
        )
        return None
    row = await lock_for(db, school_id, exception_id, Action.UNDO, mark=mark)
    if row.resolution not in BY_WORD:
        return await reverse_last_step(db, school_id, row, actor=actor, why=why)
    await reopen(db, school_id, [exception_id], note=why)
    await write_notes(db, school_id, [exception_id], author=actor, text=why)
    await audit(
        db,
        school_id,
        actor=actor,
        action="exception.reopened",
        subject=f"exception:{exception_id}",
        detail={"resolution_before": row.resolution, "resolution": None, **unmoved(row)},
    )
    return None
