"""payOS in the conformance table: one answer for whatever was committed."""

from __future__ import annotations

import httpx
from speaker import Carries, Speaker

from sandbox import payos


def _ok(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and answer.content == b'{"success":true}'


ROWS: tuple[Speaker, ...] = (
    Speaker(
        teller=payos,
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
