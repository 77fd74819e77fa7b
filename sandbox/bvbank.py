"""BVBank's side: an entry on a virtual account, told alone or once more in a batch.

Written from the open code of a partner of the bank (OneFin, com.onefin.ewallet.bank.*.bvb): the header
`signature` is RSA over SHA-256 of the raw body, in base64. How often the bank tries again is not public.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta, timezone
from typing import Final

import httpx

from sandbox.keys import BANK
from sandbox.provider import Merchant, Message, Movement, MovementState

NAME: str = "bvbank"
DELAYS_S: tuple[float, ...] = (60.0, 60.0, 60.0)
SIGNED: tuple[str, ...] = (
    '"lcyAmount":',
    '"externalRefNo":',
    '"drcr":',
    '"relatedAccount":',
    '"narrative":',
    "header:signature",
)
UNSIGNED: tuple[str, ...] = ()  # the signature covers the whole body
_VIETNAM: Final = timezone(timedelta(hours=7))


async def message(
    client: httpx.AsyncClient,  # noqa: ARG001 - the notifier's shape
    movement: Movement,
    merchant: Merchant,  # noqa: ARG001
    *,
    leave_out: str = "",
) -> Message:
    """One entry, signed. Raises ValueError for money that did not move."""
    when = movement.at.astimezone(_VIETNAM)
    entry = _common(movement) | {
        "accNo": movement.account_number,
        "relatedAccountName": "TRUONG TH HOA SEN",
        "lcyAmount": str(movement.amount_vnd),
        "txnInitDt": f"{when:%d-%m-%Y %H:%M:%S}:000",
        "valueDt": f"{when:%d-%m-%Y %H:%M:%S}:000",
        "acEntrySrNo": str(movement.sequence),
    }
    entry.pop(leave_out, None)
    return _signed(
        "/notify-trans",
        {
            "bankTime": f"{when:%d-%m-%Y %H:%M:%S}:000",
            "eventName": "CREDIT",
            "traceId": f"T{movement.sequence}",
            "data": entry,
        },
    )


def batch(movements: Sequence[Movement]) -> Message:
    """The same entries again, as a batch names them. Raises ValueError for money that did not move."""
    content = []
    for movement in movements:
        when = movement.at.astimezone(_VIETNAM)
        content.append(
            _common(movement)
            | {
                "amount": movement.amount_vnd,
                "relatedAccName": "TRUONG TH HOA SEN",
                "txnInitDt": f"{when:%d-%m-%Y %H:%M:%S}.000",
                "valueDt": f"{when:%d-%m-%Y %H:%M:%S}.000",
                "transactionDate": f"{when:%H:%M:%S %d/%m/%Y}",
                "traceId": f"T{movement.sequence}",
            }
        )
    return _signed("/notify-trans-batch", {"content": content})


def is_final(reply: httpx.Response) -> bool:
    """The bank reads the HTTP status."""
    return reply.status_code == 200


def _common(movement: Movement) -> dict[str, object]:
    if movement.state is not MovementState.PAID:
        raise ValueError("a movement is told once it has happened")
    return {
        "externalRefNo": movement.bank_transaction_id,
        "relatedAccount": movement.virtual_account or movement.account_number,
        "ccy": "VND",
        "drcr": "C",
        "narrative": movement.content,
        "fromAccNo": "0987654321",
        "fromAccName": "NGUYEN VAN A",
        "fromBankCode": "970436",
        "trnRefNo": f"101{movement.sequence:010d}",
        "napasTraceId": f"{movement.sequence % 1_000_000:06d}",
        "clientUserID": "",
        "channel": "NAPAS",
        "source": "IBFT",
    }


def _signed(path: str, value: dict[str, object]) -> Message:
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Message(
        path=path,
        headers=(("content-type", "application/json"), ("signature", BANK.sign(body))),
        body=body,
    )
