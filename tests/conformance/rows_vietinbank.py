"""VietinBank in the conformance table: 00 once, 05 for a replay, 99 for a contradiction."""

from __future__ import annotations

import httpx
from adapter_case import AdapterCase, Carries, Expects

from sandbox import vietinbank
from sandbox.keys import SCHOOL


def _notified(*codes: str) -> Expects:
    def holds(answer: httpx.Response) -> bool:
        return (
            answer.status_code == 200
            and answer.json()["errorCode"] in codes
            and vietinbank.is_signed_reply(answer.content, SCHOOL)
        )

    return holds


ROWS: tuple[AdapterCase, ...] = (
    AdapterCase(
        notifier=vietinbank,
        carries=Carries.VIRTUAL_ACCOUNT,
        missing="amount",
        ok=_notified("00"),
        duplicate=_notified("05"),
        conflict=_notified("99"),
        bad_signature=lambda answer: answer.status_code == 401,
        unknown_reference=_notified("00", "05"),
        names_account=False,
        is_provisional=True,
    ),
)
