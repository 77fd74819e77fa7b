"""BIDV in the conformance table: 000 for whatever was committed, in the codes of variant A."""

from __future__ import annotations

import httpx
from adapter_case import AdapterCase, Carries, Expects

from sandbox import bidv


def _says(status: int, code: str) -> Expects:
    def expects(answer: httpx.Response) -> bool:
        return answer.status_code == status and answer.json()["result_code"] == code

    return expects


ROWS: tuple[AdapterCase, ...] = (
    AdapterCase(
        notifier=bidv,
        carries=Carries.MERCHANT_REFERENCE,
        missing="amount",
        ok=_says(200, "000"),
        duplicate=_says(200, "000"),
        conflict=_says(400, "022"),
        bad_signature=_says(400, "004"),
        unknown_reference=_says(200, "000"),
        names_account=False,
    ),
)
