"""VietinBank: the notice of money collected on virtual accounts, and the question before it.

A notice is one POST of flat JSON to the IPN address, under client credentials that we issued
(`x-ibm-client-id`, `x-ibm-client-secret`) and an RSA signature. Signed is transId + transTime +
custCode + amount + bankTransId + remark: joined without separators, empty ones skipped. Not signed
are account numbers, transType, currency, providerId. Our reply is signed by our key over transId +
errorCode + errorDesc. The question, POST /inq-customer, is an envelope of header and data, signed
over transId + transTime + custCode; the reply over transId + channelId + transTime + custCode +
custName + billId + amount + errorCode.

Sources: VietinBank's portal developer.vietinbank.vn (its documents are not public), and the open code
of a partner, OneFin (com.onefin.ewallet.bank: VietinVirtualAcct, InquiryBillResponseDetail).

What the signature is worth. Moving characters from a field into its neighbour keeps the signature, so
each boundary needs a reason of its own:
- transId | transTime | custCode. transTime is 14 digits; custCode of ours is `va_prefix`, then our
  reference, whose "HP" is no digit; transId is digits only, or of a fixed length. Then only one place
  in the signed text can be custCode, and what stands before it splits one way.
- custCode | amount. Our custCode has a fixed length.
- amount | bankTransId | remark. Nothing holds it: bankTransId may begin with digits, and a payer
  writes the remark. A copy of a genuine message may state another amount; once the genuine one is
  recorded that is a conflict, before it it would be booked. So every notice is provisional, and only
  who knows the client credentials can send one. Where the contract promises that every remark begins
  with "CT DEN:{bankTransId}", `amount_boundary` = "remark" makes the boundary certain: neither amount
  nor bankTransId can reach over the colon, and bankTransId must be what follows it. Then such a notice
  is final.

Choices where the protocol leaves one:
- custCode, which is signed, says whose money it is and that it came in: transType is not needed, and
  one that says debit there is a contradiction and refused. Account numbers are never used.
- Without a custCode of ours nothing signed tells the direction: only from `networks`, provisional.
  transType D is then outgoing, C, 3 and COLLECTION are paid, all else is pending.
- providerId is not signed: it must be ours, and is no part of the transaction's identity. A notice that
  is not of paid money has an identity of its own, so that it never stands in the way of one that is.
- A replay gets 05, the same number with other content 99. A reply is signed only to a message that
  the bank signed, so that nobody else gets our signature.
- Nothing owed is 02 as an unknown number is: a parent is not led to pay twice. So is a number that is
  not our prefix and a reference: a notice of its money would not say whose it is. The smallest amount
  is the amount: bills are paid whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from adapters.contract import (
    DEBTS,
    NOTICES,
    Callback,
    Debt,
    Lookup,
    MerchantAccount,
    Notice,
    Notices,
    Outcome,
    Refused,
    RefusedError,
    Reply,
    Request,
    Verdict,
    VerdictKind,
    always,
)
from adapters.rsa import expect_private_key, is_signed, signed
from adapters.virtual import reference_behind
from adapters.wire import (
    MAX_AMOUNT_VND,
    expect_bounded,
    expect_json,
    expect_network,
    free_text,
    identity,
    json_object,
    json_reply,
    refusal_status,
    same,
    secret,
    setting,
    vietnam_time,
)

NAME: str = "vietinbank"
SECRETS: Final[Mapping[str, str]] = {
    "client_id": "x-ibm-client-id that VietinBank was given",
    "client_secret": "x-ibm-client-secret that VietinBank was given",
    "bank_public_keys": "VietinBank's public keys, PEM, one after the other: any may verify",
    "private_key": "our private key, PEM, which signs the replies; VietinBank has its public half",
}
SETTINGS: Final[Mapping[str, str]] = {
    "provider_id": "providerId that VietinBank gave the school",
    "va_prefix": "what stands before our reference in a virtual account number, 1 to 7 characters;"
    " default none: no virtual accounts",
    "trans_id_length": "the length of every transId, where they are not digits only; default none:"
    " digits only, of any length",
    "amount_boundary": '"remark" where every remark begins with "CT DEN:{bankTransId}"; default none:'
    " every notice is provisional",
    "networks": "CIDR ranges, joined by commas, that may tell of money outside our virtual accounts;"
    " default none: nobody",
}

INQUIRY_PATH: Final = "/inq-customer"
SIGNED_FIELDS: Final = ("transId", "transTime", "custCode", "amount", "bankTransId", "remark")
_INQUIRY_FIELDS: Final = ("transId", "transTime", "custCode")
_INQUIRY_REPLY: Final = "1110"  # msgType; the question's is 1100
_TIME: Final = "%Y%m%d%H%M%S"
_OUTCOMES: Final = {
    "C": Outcome.PAID,
    "3": Outcome.PAID,
    "COLLECTION": Outcome.PAID,
    "D": Outcome.OUTGOING,
}

callbacks = always(Callback(NOTICES), Callback(DEBTS, INQUIRY_PATH))


def needed(settings: Mapping[str, str]) -> frozenset[str]:  # noqa: ARG001 - the contract's shape
    """The names of the secrets and settings that must be given, beside these settings."""
    return frozenset(
        {"client_id", "client_secret", "bank_public_keys", "private_key", "provider_id"}
    )


def read(request: Request, account: MerchantAccount) -> Notices | Lookup:
    """A notice, or a question what is owed under a virtual account. See IpnAdapter.read."""
    if request.method != "POST" or request.path not in ("", INQUIRY_PATH):
        raise RefusedError(Refused.NOT_FOUND)
    expect_bounded(request.body)
    _expect_credentials(request, account)
    expect_private_key(account)
    expect_json(request)
    message = json_object(request.body)
    if request.path == INQUIRY_PATH:
        return _question(message, account)
    if not _is_genuine(message, account):
        raise RefusedError(Refused.BAD_SIGNATURE, "signature")
    return Notices((_notice(message, request, account),))


def acknowledge(request: Request, account: MerchantAccount, verdicts: Sequence[Verdict]) -> Reply:
    """00 for what was recorded, 05 for a replay, 99 for the same transId with other content."""
    message = json_object(request.body)
    if not verdicts:
        return _reply(message, account, 503, "99", "No verdict")
    if verdicts[0].kind is VerdictKind.CONFLICT:
        return _reply(message, account, 200, "99", "Other content under a known transId")
    if verdicts[0].duplicate:
        return _reply(message, account, 200, "05", "Duplicate transId")
    return _reply(message, account, 200, "00", "Success")


def refuse(request: Request, account: MerchantAccount | None, error: RefusedError) -> Reply:
    """01 for a signature that does not hold, else 99; on 401, 403, 404, 413, 415, 503 or 400."""
    status = refusal_status(error)
    code = "01" if error.reason is Refused.BAD_SIGNATURE else "99"
    try:
        expect_bounded(request.body)
        message = json_object(request.body)
        identity(message, "transId", required=False)
        identity(message, "providerId", required=False)
    except RefusedError:
        message = {}
    if request.path == INQUIRY_PATH:
        errors = {"errorCode": code, "errorDesc": str(error.reason)}
        return json_reply(status, {"header": {}, "data": {"errors": errors}})
    return _reply(message, account, status, code, str(error.reason))


def answer_lookup(request: Request, account: MerchantAccount, debt: Debt | None) -> Reply:
    """What is owed under the custCode of a question: 00, or 02 for nothing and nobody."""
    message = json_object(request.body)
    header, data = _envelope(message)
    bill = debt.whole if debt else None
    code, words = ("00", "Success") if bill else ("02", "Unknown customer or nothing owed")
    details = {
        "transId": _text(data, "transId"),
        "transTime": _text(data, "transTime"),
        "custCode": _text(data, "custCode"),
        "custName": debt.payer.name if debt and bill else "",
        "billId": bill.reference if bill else "",
        "amount": str(bill.amount_vnd) if bill else "",
        "amountMin": str(bill.amount_vnd) if bill else "",
        "currencyCode": "VND",
    }
    parts = (
        details["transId"],
        _text(header, "channelId"),
        *(details[name] for name in ("transTime", "custCode", "custName", "billId", "amount")),
        code,
    )
    echoed = {name: header[name] for name in _ECHOED if name in header}
    signature = signed(account, "".join(parts).encode())
    return json_reply(
        200,
        {
            "header": {**echoed, "msgType": _INQUIRY_REPLY, "signature": signature},
            "data": {
                "records": [],
                "details": details,
                "errors": {"errorCode": code, "errorDesc": words},
            },
        },
    )


_ECHOED: Final = ("msgId", "providerId", "timestamp", "recordNum", "channelId")


def signed_text(message: Mapping[str, Any], fields: Sequence[str] = SIGNED_FIELDS) -> bytes:
    """What the bank signs. Raises RefusedError(BAD_FIELD) for what is no text."""
    return "".join(_text(message, name) for name in fields).encode("utf-8", "surrogatepass")


def _text(message: Mapping[str, Any], field: str) -> str:
    value = message.get(field)
    if value is None:
        return ""
    if type(value) is int:
        return str(value)
    if not isinstance(value, str):
        raise RefusedError(Refused.BAD_FIELD, field)
    return value


def _expect_credentials(request: Request, account: MerchantAccount) -> None:
    given = [request.headers.get(f"x-ibm-client-{name}", "") for name in ("id", "secret")]
    expected = [secret(account, f"client_{name}") for name in ("id", "secret")]
    if not all([same(*pair) for pair in zip(given, expected, strict=True)]):  # noqa: C419 - both are compared, whatever the first says
        raise RefusedError(Refused.UNAUTHENTICATED, "x-ibm-client-secret")


def _is_genuine(message: Mapping[str, Any], account: MerchantAccount) -> bool:
    return is_signed(account, signed_text(message), _text(message, "signature"))


def _notice(message: Mapping[str, Any], request: Request, account: MerchantAccount) -> Notice:
    identity(message, "msgId")
    if not same(identity(message, "providerId"), setting(account, "provider_id")):
        raise RefusedError(Refused.WRONG_MERCHANT, "providerId")
    kind = identity(message, "transType")
    if identity(message, "currencyCode") != "VND":
        raise RefusedError(Refused.BAD_FIELD, "currencyCode")
    if message.get("remark") is None:
        raise RefusedError(Refused.MISSING_FIELD, "remark")
    reference = reference_behind(identity(message, "custCode", required=False), account)
    if reference:
        if kind == "D":
            raise RefusedError(Refused.BAD_FIELD, "transType")
        outcome = Outcome.PAID
    else:
        expect_network(request, account)
        outcome = _OUTCOMES.get(kind, Outcome.PENDING)
    return Notice(
        transaction_id=_transaction_id(message, account)
        + ("" if outcome is Outcome.PAID else f".{outcome}"),
        outcome=outcome,
        amount_vnd=_amount_vnd(message),
        paid_at=vietnam_time(identity(message, "transTime"), _TIME, "transTime"),
        content=free_text(message, "remark"),
        merchant_reference=reference,
        bank_transaction_id=identity(message, "bankTransId", required=False),
        is_provisional=not (reference and _is_amount_certain(message, account)),
        unmapped_status=kind[:32] if outcome is Outcome.PENDING else "",
    )


def _transaction_id(message: Mapping[str, Any], account: MerchantAccount) -> str:
    value = identity(message, "transId")
    length = account.settings.get("trans_id_length", "")
    if not re.fullmatch(r"([1-9][0-9]?)?", length):
        raise RefusedError(Refused.BUSY, "trans_id_length")
    shape = rf"[0-9A-Za-z]{{{length}}}" if length else r"[0-9]{1,50}"
    if not re.fullmatch(shape, value):
        raise RefusedError(Refused.BAD_FIELD, "transId")
    return value


def _amount_vnd(message: Mapping[str, Any]) -> int:
    digits = identity(message, "amount")
    if not re.fullmatch(r"[1-9][0-9]{0,14}", digits) or int(digits) > MAX_AMOUNT_VND:
        raise RefusedError(Refused.BAD_FIELD, "amount")
    return int(digits)


def _is_amount_certain(message: Mapping[str, Any], account: MerchantAccount) -> bool:
    match account.settings.get("amount_boundary", ""):
        case "":
            return False
        case "remark":
            bank_id, remark = _text(message, "bankTransId"), _text(message, "remark")
            begins = f"CT DEN:{bank_id}"
            is_plain = re.fullmatch(r"[0-9A-Za-z]{1,30}", bank_id) is not None
            return is_plain and (remark == begins or remark.startswith(f"{begins} "))
        case _:
            raise RefusedError(Refused.BUSY, "amount_boundary")


def _envelope(message: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    header, data = message.get("header"), message.get("data")
    if not isinstance(header, dict) or not isinstance(data, dict):
        raise RefusedError(Refused.MALFORMED)
    return header, data


def _question(message: Mapping[str, Any], account: MerchantAccount) -> Lookup:
    header, data = _envelope(message)
    if not is_signed(account, signed_text(data, _INQUIRY_FIELDS), _text(header, "signature")):
        raise RefusedError(Refused.BAD_SIGNATURE, "signature")
    if not same(identity(header, "providerId"), setting(account, "provider_id")):
        raise RefusedError(Refused.WRONG_MERCHANT, "providerId")
    for name in _ECHOED:
        identity(header, name, required=False)
    for name in ("transId", "transTime", "custCode"):
        identity(data, name)
    return Lookup(reference_behind(_text(data, "custCode"), account))


def _reply(
    message: Mapping[str, Any],
    account: MerchantAccount | None,
    status: int,
    code: str,
    description: str,
) -> Reply:
    transaction_id = _text(message, "transId")
    signature = ""
    if account is not None:
        try:
            if _is_genuine(message, account):
                signature = signed(account, f"{transaction_id}{code}{description}".encode())
        except RefusedError:  # no key, or no text: then there is nothing that we may sign
            signature = ""
    return json_reply(
        status,
        {
            "transId": transaction_id,
            "providerId": _text(message, "providerId"),
            "errorCode": code,
            "errorDesc": description,
            "signature": signature,
        },
    )
