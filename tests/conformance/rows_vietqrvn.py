"""VietQR.VN in the conformance table: success with our record's number, 006 for a contradiction."""

from __future__ import annotations

import httpx
from speaker import Carries, Speaker

from sandbox import vietqrvn


def taken(answer: httpx.Response) -> bool:
    """Success, with our record's number."""
    told = answer.json()
    return (
        answer.status_code == 200
        and told["error"] is False
        and told["errorReason"] == "000"
        and told["toastMessage"] == ""
        and told["object"]["reftransactionid"] != ""
    )


def contradicted(answer: httpx.Response) -> bool:
    """006 on HTTP 400."""
    return answer.status_code == 400 and answer.json()["errorReason"] == "006"


ROWS: tuple[Speaker, ...] = (
    Speaker(
        teller=vietqrvn,
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
