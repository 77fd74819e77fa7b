"""MoMo in the conformance table: 204 without a body for whatever was committed."""

from __future__ import annotations

import httpx
from speaker import Carries, Speaker

from sandbox import momo
from sandbox.provider import Standing


def _ok(answer: httpx.Response) -> bool:
    return answer.status_code == 204 and answer.content == b""


ROWS: tuple[Speaker, ...] = (
    Speaker(
        teller=momo,
        carries=Carries.MERCHANT_REFERENCE,
        missing="transId",
        ok=_ok,
        duplicate=_ok,
        conflict=_ok,
        bad_signature=lambda answer: answer.status_code == 400,
        unknown_reference=_ok,
        names_account=False,
        tells_of=(Standing.FAILED, Standing.PENDING),
    ),
)
