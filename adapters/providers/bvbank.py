"""BVBank (Bản Việt): the push of every entry on virtual accounts, alone or sent again in a batch.

POST /notify-trans is one entry in `data`, POST /notify-trans-batch several in `content`, with field
names of their own. A signature over the raw body stands in a header; a bad one is answered with
HTTP 400.

Source: the open code of a partner, OneFin (com.onefin.ewallet.bank: BVBVirtualAcctNotifyController,
BVBRequestUtil, BVBEncryptUtil, BVBCallbackAPIBatchTransData): header `signature`, SHA256withRSA in
base64, times as dd-MM-yyyy HH:mm:ss:SSS (.SSS in a batch), codes 00, 01 and 52. BVBank's own documents
are not public, so none of this is verified: header and algorithm are settings, and until a statement
confirms it a notice is provisional and comes only from the account's `networks`.

Choices where the protocol leaves one:
- externalRefNo is the identity: it is the one number that both forms carry and that the partner takes
  for the transaction's. A debit has an identity of its own, so that it never stands in the way.
- accNo is not used: the batch does not have it, and both must be one fact. The money belongs to the
  merchant account's own bank account; the virtual account gives our reference.
- A time that cannot be read is the time of arrival: money is not turned away for it.
- Whatever was committed gets 00, a conflict too: asking again would bring the same, the alarm is ours.
  The words of the reply are ours: what BVBank reads of it besides the HTTP status is not known.
- One broken entry refuses its batch, which comes again: nothing is half taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from adapters.contract import (
    NOTICES,
    Callback,
    MerchantAccount,
    Notice,
    Notices,
    Outcome,
    Refused,
    RefusedError,
    Reply,
    Request,
    Verdict,
    always,
)
from adapters.messages import msg
from adapters.rsa import is_signed
from adapters.virtual import reference_behind
from adapters.wire import (
    amount_vnd,
    expect_bounded,
    expect_json,
    expect_network,
    free_text,
    hmac_base64,
    hmac_hex,
    identity,
    json_object,
    json_reply,
    same,
    secret,
    vietnam_time,
)

NAME: str = "bvbank"
SECRETS: Final[Mapping[str, str]] = {
    "bank_public_keys": "BVBank's public keys, PEM, one after the other: any may verify (RSA)",
    "hmac_secret": "the shared key (HMAC)",
}
SETTINGS: Final[Mapping[str, str]] = {
    "algorithm": '"rsa_sha256_base64", "hmac_sha256_base64" or "hmac_sha256_hex"; default (not'
    ' verified) "rsa_sha256_base64"',
    "signature_header": 'the header with the signature; default (not verified) "signature"',
    "va_prefix": "what stands before our reference in a virtual account number, 1 to 7 characters;"
    " default none: no virtual accounts",
    "networks": "CIDR ranges, joined by commas, that a push may come from; default none: nobody",
}

TRANS_PATH: Final = "/notify-trans"
BATCH_PATH: Final = "/notify-trans-batch"
_OUTCOMES: Final = {"C": Outcome.PAID, "D": Outcome.OUTGOING}
_STATUS: Final = {
    Refused.FOREIGN_NETWORK: 403,
    Refused.NOT_FOUND: 404,
    Refused.TOO_LARGE: 413,
    Refused.BUSY: 503,
}
_TIME: Final = re.compile(r"([0-9]{2}-[0-9]{2}-[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2})[:.][0-9]{1,3}")

callbacks = always(Callback(NOTICES, TRANS_PATH), Callback(msg("Báo lại theo lô"), BATCH_PATH))


def needed(settings: Mapping[str, str]) -> frozenset[str]:
    """The names of the secrets and settings that must be given, beside these settings."""
    uses_rsa = settings.get("algorithm", "rsa_sha256_base64") == "rsa_sha256_base64"
    return frozenset({"bank_public_keys" if uses_rsa else "hmac_secret", "networks"})


def read(request: Request, account: MerchantAccount) -> Notices:
    """One entry or a batch of them. See IpnAdapter.read."""
    if request.method != "POST" or request.path not in (TRANS_PATH, BATCH_PATH):
        raise RefusedError(Refused.NOT_FOUND)
    expect_bounded(request.body)
    expect_network(request, account)
    _expect_signature(request, account)
    expect_json(request)
    message = json_object(request.body)
    if request.path == TRANS_PATH:
        entry = message.get("data")
        return Notices((_notice(entry, "lcyAmount", request, account),))
    entries = message.get("content")
    if not isinstance(entries, list):
        raise RefusedError(Refused.MISSING_FIELD, "content")
    return Notices(tuple(_notice(entry, "amount", request, account) for entry in entries))


def acknowledge(
    request: Request,  # noqa: ARG001 - the contract's shape
    account: MerchantAccount,  # noqa: ARG001
    verdicts: Sequence[Verdict],  # noqa: ARG001
) -> Reply:
    """00 for everything that was committed, whatever the verdict."""
    return json_reply(200, {"connectorCode": "00", "message": "Success"})


def refuse(
    request: Request,  # noqa: ARG001 - the contract's shape
    account: MerchantAccount | None,  # noqa: ARG001
    error: RefusedError,
) -> Reply:
    """52 for a signature that does not hold, else 01; on 400, or on 403, 404, 413 and 503."""
    code = "52" if error.reason is Refused.BAD_SIGNATURE else "01"
    status = _STATUS.get(error.reason, 400)
    return json_reply(status, {"connectorCode": code, "message": str(error.reason)})


def _expect_signature(request: Request, account: MerchantAccount) -> None:
    header = account.settings.get("signature_header", "") or "signature"
    given = request.headers.get(header.lower(), "")
    match account.settings.get("algorithm", "") or "rsa_sha256_base64":
        case "rsa_sha256_base64":
            holds = is_signed(account, request.body, given)
        case "hmac_sha256_base64":
            key = secret(account, "hmac_secret")
            holds = same(given, hmac_base64("sha256", key, request.body))
        case "hmac_sha256_hex":
            key = secret(account, "hmac_secret")
            holds = same(given.lower(), hmac_hex("sha256", key, request.body))
        case _:
            raise RefusedError(Refused.BUSY, "algorithm")
    if not holds:
        raise RefusedError(Refused.BAD_SIGNATURE, header)


def _notice(entry: object, amount_field: str, request: Request, account: MerchantAccount) -> Notice:
    if not isinstance(entry, dict):
        raise RefusedError(Refused.MISSING_FIELD, "data")
    if identity(entry, "ccy") != "VND":
        raise RefusedError(Refused.BAD_FIELD, "ccy")
    direction = identity(entry, "drcr")
    outcome = _OUTCOMES.get(direction, Outcome.PENDING)
    reference_no = identity(entry, "externalRefNo")
    return Notice(
        transaction_id=reference_no + ("" if outcome is Outcome.PAID else f".{outcome}"),
        outcome=outcome,
        amount_vnd=_amount_vnd(entry, amount_field),
        paid_at=_instant(entry, request.received_at),
        content=free_text(entry, "narrative"),
        merchant_reference=reference_behind(
            identity(entry, "relatedAccount", required=False), account
        ),
        bank_transaction_id=reference_no,
        is_provisional=True,
        unmapped_status=direction[:32] if outcome is Outcome.PENDING else "",
    )


def _amount_vnd(entry: Mapping[str, Any], field: str) -> int:
    """A number, or the same as text: the partner's code has it both ways."""
    value = entry.get(field)
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,16}(\.0{1,2})?", value):
        value = Decimal(value)
    return amount_vnd({field: value}, field)


def _instant(entry: Mapping[str, Any], arrived_at: datetime) -> datetime:
    value = entry.get("txnInitDt")
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    try:
        return vietnam_time(match[1], "%d-%m-%Y %H:%M:%S", "txnInitDt") if match else arrived_at
    except RefusedError:
        return arrived_at
