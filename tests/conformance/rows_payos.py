"""payOS in the conformance table: one answer for whatever was committed."""

from __future__ import annotations

import httpx
from adapter_case import AdapterCase, Carries

from sandbox import payos


def _ok(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and answer.content == b'{"success":true}'


ROWS: tuple[AdapterCase, ...] = (
    AdapterCase(
        notifier=payos,
        carries=Carries.NUMBER,
        missing="amount",
        ok=_ok,
        duplicate=_ok,
        conflict=_ok,
        bad_signature=lambda answer: answer.status_code == 401,
        unknown_reference=_ok,
        names_account=True,
    ),
)
