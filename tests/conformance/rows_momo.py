"""MoMo in the conformance table: 204 without a body for whatever was committed."""

from __future__ import annotations

import httpx
from adapter_case import AdapterCase, Carries

from sandbox import momo
from sandbox.provider import MovementState


def _ok(answer: httpx.Response) -> bool:
    return answer.status_code == 204 and answer.content == b""


ROWS: tuple[AdapterCase, ...] = (
    AdapterCase(
        notifier=momo,
        carries=Carries.MERCHANT_REFERENCE,
        missing="transId",
        ok=_ok,
        duplicate=_ok,
        conflict=_ok,
        bad_signature=lambda answer: answer.status_code == 400,
        unknown_reference=_ok,
        names_account=False,
        notifies_of=(MovementState.FAILED, MovementState.PENDING),
    ),
)
