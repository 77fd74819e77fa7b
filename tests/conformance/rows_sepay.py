"""SePay in the conformance table, its bank feed and its payment gateway: one answer for all."""

from __future__ import annotations

import httpx
from adapter_case import AdapterCase, Carries

from sandbox import sepay, sepaypg


def _ok(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and answer.content == b'{"success":true}'


ROWS: tuple[AdapterCase, ...] = (
    AdapterCase(
        notifier=sepay,
        carries=Carries.CONTENT,
        missing="transferAmount",
        ok=_ok,
        duplicate=_ok,
        conflict=_ok,
        bad_signature=lambda answer: answer.status_code == 401,
        unknown_reference=_ok,
        names_account=True,
    ),
    AdapterCase(
        notifier=sepaypg,
        carries=Carries.MERCHANT_REFERENCE,
        missing="transaction_amount",
        ok=_ok,
        duplicate=_ok,
        conflict=_ok,
        bad_signature=lambda answer: answer.status_code == 401,
        unknown_reference=_ok,
        names_account=False,
    ),
)
