"""The portal in the conformance table: CONFIRM of an order of ours, and the result of a look-up."""

from __future__ import annotations

import httpx
from adapter_case import AdapterCase, Carries

from sandbox import dvcqg
from sandbox.provider import MovementState


def _confirmed(answer: httpx.Response) -> bool:
    notified = answer.json()
    return (
        answer.status_code == 200 and notified["MaLoi"] == "00" and len(notified["MaXacThuc"]) == 64
    )


def _confirm_refused(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and answer.json()["MaLoi"] == "99"


def _confirm_forged(answer: httpx.Response) -> bool:
    notified = answer.json()
    return (
        _confirm_refused(answer)
        and notified["MoTaLoi"] == "Mã xác thực không chính xác"
        and notified["MaXacThuc"] == ""
    )


def _reported(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and answer.json() == {
        "error_code": "0",
        "message": "Thành công",
    }


def _report_refused(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and answer.json()["error_code"] == "-1"


def _report_forged(answer: httpx.Response) -> bool:
    return _report_refused(answer) and answer.json()["message"] == "Mã xác thực không chính xác"


ROWS: tuple[AdapterCase, ...] = (
    AdapterCase(
        notifier=dvcqg,
        carries=Carries.MERCHANT_REFERENCE,
        missing="SoTien",
        ok=_confirmed,
        duplicate=_confirmed,
        conflict=_confirm_refused,
        bad_signature=_confirm_forged,
        unknown_reference=_confirmed,
        names_account=False,
        notifies_of=(MovementState.FAILED, MovementState.PENDING),
    ),
    AdapterCase(
        notifier=dvcqg.PULL,
        carries=Carries.MERCHANT_REFERENCE,
        missing="SoTien",
        ok=_reported,
        duplicate=_reported,
        conflict=_report_refused,
        bad_signature=_report_forged,
        unknown_reference=_reported,
        names_account=False,
        notifies_of=(MovementState.FAILED, MovementState.PENDING),
    ),
)
