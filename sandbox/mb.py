"""MB's side: the twin of VietQR.VN's push with a few fields more, and the push of its merchant service.

Written from what the open server of VietQR.VN (github.com/duchieupham/vietqr_server) takes from MB. The
merchant service signs with MD5 over traceTransfer, billNumber, payDate, debitAmount and the access key.
"""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta, timezone
from typing import Final

import httpx

from sandbox import vietqrvn
from sandbox.provider import Merchant, Message, Movement, MovementState

NAME: str = "mb"
DELAYS_S: tuple[float, ...] = vietqrvn.DELAYS_S  # MB's own schedule is not public
SIGNED: tuple[str, ...] = vietqrvn.SIGNED
UNSIGNED: tuple[str, ...] = vietqrvn.UNSIGNED
_VIETNAM: Final = timezone(timedelta(hours=7))

is_final = vietqrvn.is_final


async def message(
    client: httpx.AsyncClient, movement: Movement, merchant: Merchant, *, leave_out: str = ""
) -> Message:
    """A transaction-sync under a token asked for just now. Raises ValueError for money that did not move."""
    fields = vietqrvn.sync_fields(movement) | {
        "reciprocalAccount": "0987654321",
        "reciprocalBankCode": "VCB",
        "va": movement.virtual_account,
        "valueDate": int(movement.at.timestamp()) * 1000,
    }
    fields.pop(leave_out, None)
    return await vietqrvn.under_token(client, merchant, fields)


def mms_message(movement: Movement, merchant: Merchant, *, leave_out: str = "") -> Message:
    """A paid QR of the merchant service, under its checkSum."""
    fields = {
        "traceTransfer": f"TR{movement.sequence:010d}",
        "storeLabel": "S1",
        "terminalLabel": "T1",
        "debitAmount": str(movement.amount_vnd),
        "realAmount": str(movement.amount_vnd),
        "payDate": f"{movement.at.astimezone(_VIETNAM):%Y%m%d%H%M%S}",
        "respCode": "00" if movement.state is MovementState.PAID else "99",
        "respDesc": "SUCCESS" if movement.state is MovementState.PAID else "FAIL",
        "rate": "1",
        "billNumber": movement.merchant_reference,
        "consumerLabelTerm": "",
        "referenceLabelCode": "",
        "userName": "",
        "ftCode": movement.bank_transaction_id,
        "endPointUrl": "",
    }
    fields.pop(leave_out, None)
    signed = "".join(
        fields.get(name, "") for name in ("traceTransfer", "billNumber", "payDate", "debitAmount")
    )
    key = merchant.secrets["access_key"]
    fields["checkSum"] = hashlib.md5((signed + key).encode(), usedforsecurity=False).hexdigest()
    return Message(
        path="/transaction-mms",
        headers=(("content-type", "application/json"),),
        body=json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode(),
    )
