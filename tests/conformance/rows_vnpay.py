"""VNPAY in the conformance table: its own words for every case, always HTTP 200."""

from __future__ import annotations

import httpx
from adapter_case import AdapterCase, Carries, Expects

from sandbox import vnpay


def _says(code: str, message: str) -> Expects:
    body = f'{{"RspCode":"{code}","Message":"{message}"}}'.encode()

    def expects(answer: httpx.Response) -> bool:
        return answer.status_code == 200 and answer.content == body

    return expects


ROWS: tuple[AdapterCase, ...] = (
    AdapterCase(
        notifier=vnpay,
        carries=Carries.MERCHANT_REFERENCE,
        missing="vnp_Amount",
        ok=_says("00", "Confirm Success"),
        duplicate=_says("02", "Order already confirmed"),
        conflict=_says("04", "Invalid amount"),
        bad_signature=_says("97", "Invalid signature"),
        unknown_reference=_says("01", "Order not found"),
        names_account=False,
    ),
)
