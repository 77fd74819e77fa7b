"""BVBank in the conformance table: 00 for whatever was committed, HTTP 400 for a bad signature."""

from __future__ import annotations

import httpx
from adapter_case import AdapterCase, Carries

from sandbox import bvbank


def _ok(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and answer.json()["connectorCode"] == "00"


ROWS: tuple[AdapterCase, ...] = (
    AdapterCase(
        notifier=bvbank,
        carries=Carries.CONTENT,
        missing="lcyAmount",
        ok=_ok,
        duplicate=_ok,
        conflict=_ok,
        bad_signature=lambda answer: answer.status_code == 400,
        unknown_reference=_ok,
        names_account=False,
        is_provisional=True,
    ),
)
