"""Viettel Money in the conformance table: signed replies, 00 for whatever was committed."""

from __future__ import annotations

import httpx
from adapter_case import AdapterCase, Carries, Expects

from sandbox import viettelmoney


def _says(code: str) -> Expects:
    def expects(answer: httpx.Response) -> bool:
        return answer.status_code == 200 and answer.json()["error_code"] == code

    return expects


ROWS: tuple[AdapterCase, ...] = (
    AdapterCase(
        notifier=viettelmoney,
        carries=Carries.MERCHANT_REFERENCE,
        missing="trans_amount",
        ok=_says("00"),
        duplicate=_says("00"),
        conflict=_says("01"),
        bad_signature=_says("02"),
        unknown_reference=_says("00"),
        names_account=False,
    ),
)
