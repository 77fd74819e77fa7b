"""Vietcombank in the conformance table: Payment, signed whole, and AccountAdvice, of which only ids are."""

from __future__ import annotations

import httpx
from adapter_case import AdapterCase, Carries, Expects

from sandbox import vietcombank


def _says(code: str) -> Expects:
    def expects(answer: httpx.Response) -> bool:
        return answer.status_code == 200 and str(answer.json()["context"]["errorCode"]) == code

    return expects


ROWS: tuple[AdapterCase, ...] = (
    AdapterCase(
        notifier=vietcombank,
        carries=Carries.MERCHANT_REFERENCE,
        missing="totalPaymentAmount",
        ok=_says("0"),
        duplicate=_says("0"),
        conflict=_says("21"),
        bad_signature=_says("18"),
        unknown_reference=_says("0"),
        names_account=False,
    ),
    AdapterCase(
        notifier=vietcombank.ADVICE,
        carries=Carries.CONTENT,
        missing="amount",
        ok=_says("0"),
        duplicate=_says("0"),
        conflict=_says("21"),
        bad_signature=_says("18"),
        unknown_reference=_says("0"),
        names_account=False,
        is_provisional=True,
    ),
)
