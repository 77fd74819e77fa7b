"""Agribank in the conformance table: always HTTP 200, in the codes of variant B."""

from __future__ import annotations

import httpx
from adapter_case import AdapterCase, Carries, Expects

from sandbox import agribank


def _says(code: str) -> Expects:
    def expects(answer: httpx.Response) -> bool:
        return answer.status_code == 200 and answer.json()["result_code"] == code

    return expects


ROWS: tuple[AdapterCase, ...] = (
    AdapterCase(
        notifier=agribank,
        carries=Carries.MERCHANT_REFERENCE,
        missing="trans_id",
        ok=_says("000"),
        duplicate=_says("000"),
        conflict=_says("022"),
        bad_signature=_says("007"),
        unknown_reference=_says("000"),
        names_account=False,
    ),
)
