"""VietQR.VN in the conformance table: success with our record's number, 006 for a contradiction."""

from __future__ import annotations

import httpx
from adapter_case import AdapterCase, Carries

from sandbox import vietqrvn


def taken(answer: httpx.Response) -> bool:
    """Success, with our record's number."""
    notified = answer.json()
    return (
        answer.status_code == 200
        and notified["error"] is False
        and notified["errorReason"] == "000"
        and notified["toastMessage"] == ""
        and notified["object"]["reftransactionid"] != ""
    )


def contradicted(answer: httpx.Response) -> bool:
    """006 on HTTP 400."""
    return answer.status_code == 400 and answer.json()["errorReason"] == "006"


ROWS: tuple[AdapterCase, ...] = (
    AdapterCase(
        notifier=vietqrvn,
        carries=Carries.CONTENT,
        missing="amount",
        ok=taken,
        duplicate=taken,
        conflict=contradicted,
        bad_signature=lambda answer: answer.status_code == 401,
        unknown_reference=taken,
        names_account=True,
    ),
)
