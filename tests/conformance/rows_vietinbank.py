"""VietinBank in the conformance table: 00 once, 05 for a replay, 99 for a contradiction."""

from __future__ import annotations

import httpx
from speaker import Carries, Expects, Speaker

from sandbox import vietinbank
from sandbox.keys import SCHOOL


def _told(*codes: str) -> Expects:
    def holds(answer: httpx.Response) -> bool:
        return (
            answer.status_code == 200
            and answer.json()["errorCode"] in codes
            and vietinbank.is_signed_reply(answer.content, SCHOOL)
        )

    return holds


ROWS: tuple[Speaker, ...] = (
    Speaker(
        teller=vietinbank,
        carries=Carries.VIRTUAL_ACCOUNT,
        missing="amount",
        ok=_told("00"),
        duplicate=_told("05"),
        conflict=_told("99"),
        bad_signature=lambda answer: answer.status_code == 401,
        unknown_reference=_told("00", "05"),
        names_account=False,
        is_provisional=True,
    ),
)
