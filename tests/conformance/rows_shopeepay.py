"""ShopeePay in the conformance table: errcode 0 for whatever was committed."""

from __future__ import annotations

import httpx
from adapter_case import AdapterCase, Carries, Expects

from sandbox import shopeepay


def _says(status: int, code: int) -> Expects:
    def expects(answer: httpx.Response) -> bool:
        return answer.status_code == status and answer.json()["errcode"] == code

    return expects


ROWS: tuple[AdapterCase, ...] = (
    AdapterCase(
        notifier=shopeepay,
        carries=Carries.MERCHANT_REFERENCE,
        missing="amount",
        ok=_says(200, 0),
        duplicate=_says(200, 0),
        conflict=_says(200, 1),
        bad_signature=_says(401, 2),
        unknown_reference=_says(200, 0),
        names_account=False,
    ),
)
