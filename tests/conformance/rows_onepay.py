"""OnePay in the conformance table: responsecode=1 for whatever was committed, HTTP 200 only with it."""

from __future__ import annotations

import httpx
from adapter_case import AdapterCase, Carries

from sandbox import onepay


def _confirmed(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and answer.text == "responsecode=1&desc=confirm-success"


def _contradicted(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and answer.text == "responsecode=0&desc=confirm-fail"


def _refused(answer: httpx.Response) -> bool:
    return answer.status_code == 401 and answer.text == "responsecode=0&desc=confirm-fail"


ROWS: tuple[AdapterCase, ...] = (
    AdapterCase(
        notifier=onepay,
        carries=Carries.MERCHANT_REFERENCE,
        missing="vpc_Amount",
        ok=_confirmed,
        duplicate=_confirmed,
        conflict=_contradicted,
        bad_signature=_refused,
        unknown_reference=_confirmed,
        names_account=False,
    ),
)
