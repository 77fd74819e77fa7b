"""ZaloPay in the conformance table: 1 for what was recorded, 2 for what was not, always HTTP 200."""

from __future__ import annotations

from adapter_case import AdapterCase, Carries, Expects

from sandbox import zalopay


def _says(code: int, words: str) -> Expects:
    body = f'{{"return_code":{code},"return_message":"{words}"}}'.encode()
    return lambda answer: answer.status_code == 200 and answer.content == body


_ok = _says(1, "success")

ROWS: tuple[AdapterCase, ...] = (
    AdapterCase(
        notifier=zalopay,
        carries=Carries.MERCHANT_REFERENCE,
        missing="zp_trans_id",
        ok=_ok,
        duplicate=_ok,
        conflict=_says(2, "conflict"),
        bad_signature=_says(2, "mac not equal"),
        unknown_reference=_ok,
        names_account=False,
    ),
)
