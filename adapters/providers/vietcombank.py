"""Vietcombank: bill collection (Inquiry, then Payment) and AccountAdvice, the push of an account's entries.

POSTs of JSON, `{context, payload}`, under a hash of values joined by "|" with the shared secret last:
- Inquiry, `signs` = message: channelId|channelRefNumber|providerId|serviceId|customerCode|JSON(fields)
- Payment, `signs` = message: channelId|channelRefNumber|providerId|serviceId|customerCode|
  totalPaymentAmount|paymentMode|internalTransactionRefNo|JSON(fields)|JSON(bills)
- AccountAdvice, and the others where `signs` = ids: channelId|channelRefNumber. **Not signed** there:
  amount, account, direction, text, customer. Such a message counts only from the setting `networks`,
  and its notice is provisional: no voucher before a statement has confirmed it.

Source: the bank's paper is not public; the forms are those of integrators' code that the bank calls
(tuition gateways with /api/PayLoad and /api/VCBPayment), which agree on the fields and not on more.

Choices where the protocol leaves one:
- JSON(fields) and JSON(bills) are the texts as they came; where those hold spaces, also as JavaScript
  would print them. Their source broke the line inside Payment's string; one line is what is taken.
- AccountAdvice names the account, unsigned. It is taken as told: a foreign one goes to suspense, never
  to the account of this school; one of the school's own is held to that account's statement.
- A Payment and an AccountAdvice may tell of the same money, and within one merchant account nobody
  compares them. So an account takes one of the two (`calls`); two accounts confirm each other.
- One Payment is one notice, whatever bills it names: its identity must not depend on a list. With
  several bills their names are its text, in which references are found.
- Identity is internalTransactionRefNo, which a repetition keeps; of an AccountAdvice channelRefNumber.
- The money has moved: 0 is answered once it is recorded, unless `replies` = by_code. Refusals are
  never signed, or strangers could have texts of their choice signed with the shared secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
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
)
from adapters.messages import msg
from adapters.raw_json import compact, raw_members, spellings
from adapters.wire import (
    counter_name,
    digest_hex,
    digits_vnd,
    expect_bounded,
    expect_json,
    expect_network,
    free_text,
    identity,
    json_object,
    json_reply,
    pairs,
    same,
    secret,
    setting,
    unsigned_time,
)

NAME: str = "vietcombank"
SECRETS: Final[Mapping[str, str]] = {"secret": "the secret at the end of every signed string"}
SETTINGS: Final[Mapping[str, str]] = {
    "provider_id": "providerId that the bank gave this school (Inquiry, Payment)",
    "service_id": "serviceId that the bank gave this school (Inquiry, Payment)",
    "calls": "what this account takes: collection (Inquiry, Payment) or advice; default collection",
    "signs": "what the hash of Inquiry and Payment covers: message or ids (unsafe); default message",
    "hash": "md5 or sha256; default md5",
    "networks": "CIDR ranges of the bank, for what is not signed; default none: taken from nobody",
    "replies": "to Payment: accept (0 once recorded) or by_code; default accept",
    "code_overrides": 'codes said otherwise, e.g. "10=17"; default none',
    "names": "payer's name told to the bank: masked or full; default masked",
}
CALLS: Final[Mapping[str, str]] = {
    "Inquiry": "collection",
    "Payment": "collection",
    "AccountAdvice": "advice",
    "account-advice": "advice",
}
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {  # the first one is the default
    "calls": ("collection", "advice", "collection,advice"),
    "signs": ("message", "ids"),
    "hash": ("md5", "sha256"),
    "replies": ("accept", "by_code"),
}
_WORDS: Final = {
    "0": "Success",
    "1": "NO_OUTSTANDING_DEBT",
    "10": "CUSTOMER_NOT_FOUND",
    "18": "INVALID_SIGNATURE",
    "21": "FIELD_VALUE_ERROR",
    "22": "PAYMENT_FAILED",
    "400": "BAD_REQUEST",
}
_REFUSALS: Final = {
    Refused.BAD_SIGNATURE: "18",
    Refused.BAD_FIELD: "21",
    Refused.WRONG_MERCHANT: "21",
    Refused.BUSY: "22",
}
_STATUS: Final = {
    Refused.MALFORMED: 400,
    Refused.WRONG_CONTENT_TYPE: 400,
    Refused.FOREIGN_NETWORK: 403,
    Refused.NOT_FOUND: 404,
    Refused.TOO_LARGE: 413,
}
_VERDICTS: Final = {
    VerdictKind.AMOUNT_DIFFERS: "21",
    VerdictKind.ALREADY_PAID: "1",
    VerdictKind.UNKNOWN_REFERENCE: "10",
}
_OUTCOMES: Final = {"C": Outcome.PAID, "D": Outcome.OUTGOING}
_LAYOUTS: Final = ("%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%d-%m-%Y %H:%M:%S")


def callbacks(settings: Mapping[str, str]) -> tuple[Callback, ...]:
    """What the contract of this account takes. See IpnAdapter.callbacks."""
    taken = (settings.get("calls") or "collection").split(",")
    whats = {"Inquiry": DEBTS, "Payment": NOTICES, "AccountAdvice": msg("Báo biến động")}
    return tuple(Callback(what, f"/{call}") for call, what in whats.items() if CALLS[call] in taken)


def needed(settings: Mapping[str, str]) -> frozenset[str]:  # noqa: ARG001 - the contract's shape
    """The names of the secrets and settings that must be given, beside these settings."""
    return frozenset({"secret", "provider_id", "service_id"})


def read(request: Request, account: MerchantAccount) -> Notices | Lookup:
    """Inquiry, Payment or AccountAdvice, whatever the contract puts before. See IpnAdapter.read."""
    expect_bounded(request.body)
    call = request.path.rpartition("/")[2]
    if request.method != "POST" or call not in CALLS:
        raise RefusedError(Refused.NOT_FOUND)
    if CALLS[call] not in _choice(account, "calls").split(","):
        raise RefusedError(Refused.NOT_FOUND)
    expect_json(request)
    message, context, payload = _parts(request)
    if CALLS[call] == "advice":
        return Notices((_advised(message, context, payload, request, account),))
    if call == "Inquiry":
        return Lookup(_asked(request, account))
    return Notices((_paid(request, account),))


def acknowledge(request: Request, account: MerchantAccount, verdicts: Sequence[Verdict]) -> Reply:
    """0, signed, with our record's number as responseMsgId: the same for a replay; 21 for a conflict."""
    if not verdicts:
        return _failure(request, account, "22", is_verified=True)
    verdict = verdicts[0]
    if verdict.kind is VerdictKind.CONFLICT:
        return _failure(request, account, "21", is_verified=True)
    if _is_advice(request):
        return _advice_taken(request, account, _message_id(verdict))
    if _choice(account, "replies") == "by_code":
        code = _said(account, _VERDICTS.get(verdict.kind, "0"))
        if code != "0":
            return _failure(request, account, code, is_verified=True)
    return _payment_taken(request, account, _message_id(verdict))


def answer_lookup(request: Request, account: MerchantAccount, debt: Debt | None) -> Reply:
    """The open bills of a customer; 10 for nobody's code, 1 where nothing is owed."""
    if debt is None:
        return _failure(request, account, _said(account, "10"), is_verified=True)
    if not debt.bills:
        return _failure(request, account, _said(account, "1"), is_verified=True)
    _, context, payload = _parts(request)
    code, name = identity(payload, "customerCode"), counter_name(debt.payer.name)
    bills: list[dict[str, object]]
    if _choice(account, "signs") == "ids":
        added = [{"fieldId": "CustName", "fieldValue": name}]
        bills = [
            {"amount": str(bill.amount_vnd), "billId": bill.reference, "addnlFields": added}
            for bill in debt.bills
        ]
        owed = {"customerCode": code, "paymentSequence": "1", "bills": bills}
        answer_id = identity(context, "channelRefNumber")  # a question has no record of ours
        return _signed_by_ids(_context(context, "SUCCESS", 0), owed, account, answer_id)
    bills = [
        {
            "billId": bill.reference,
            "amount": str(bill.amount_vnd),
            "billDate": "",
            "billDueDate": f"{bill.due_on:%Y-%m-%d}",
        }
        for bill in debt.bills
    ]
    answered = _context(context, "Success", 0)
    # The empty places are billerDivisionKey and two more that no bill of ours has.
    values = (*_ids(context), "Success", "0", "", code, name, "", "", compact(bills))
    owed = {"customerCode": code, "customerName": name, "bills": bills}
    return json_reply(
        200, {"context": answered, "payload": {**owed, "signature": sign(account, *values)}}
    )


def refuse(request: Request, account: MerchantAccount | None, error: RefusedError) -> Reply:
    """The table's code, unsigned; HTTP 4xx only for what is no message of the protocol."""
    code = _REFUSALS.get(error.reason, "400")
    return _failure(request, account, code, _STATUS.get(error.reason, 200))


def sign(account: MerchantAccount, *values: str) -> str:
    """The hash over `values` and the secret, joined by "|". Raises RefusedError(BUSY)."""
    data = "|".join((*values, secret(account, "secret")))
    return digest_hex(_choice(account, "hash"), data.encode("utf-8", "replace"))


def _choice(account: MerchantAccount, name: str) -> str:
    value = account.settings.get(name) or _CHOICES[name][0]
    if value not in _CHOICES[name]:
        raise RefusedError(Refused.BUSY, name)
    return value


def _said(account: MerchantAccount, code: str) -> str:
    return pairs(account, "code_overrides").get(code, code)


def _parts(request: Request) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """(message, context, payload). Raises RefusedError."""
    message = json_object(request.body)
    for name in ("context", "payload"):
        if name not in message:
            raise RefusedError(Refused.MISSING_FIELD, name)
        if not isinstance(message[name], dict):
            raise RefusedError(Refused.BAD_FIELD, name)
    return message, message["context"], message["payload"]


def _is_advice(request: Request) -> bool:
    return CALLS.get(request.path.rpartition("/")[2]) == "advice"


def _expect_signature(
    given: str, account: MerchantAccount, values: Sequence[str], *tails: tuple[str, ...]
) -> None:
    """`tails` are the spellings of what follows `values`, any of which may be the signed one."""
    holds = [same(given.lower(), sign(account, *values, *tail)) for tail in tails or ((),)]
    if not any(holds):
        raise RefusedError(Refused.BAD_SIGNATURE, "signature")
    if any("|" in value for value in values):
        # The separator inside a value would let one signature stand for two readings.
        raise RefusedError(Refused.MALFORMED)


def _expect_ids_signed(
    message: Mapping[str, Any],
    context: Mapping[str, Any],
    request: Request,
    account: MerchantAccount,
) -> None:
    """Where only the ids are signed, the network vouches for the rest."""
    ids = (identity(context, "channelId"), identity(context, "channelRefNumber"))
    _expect_signature(identity(message, "signature"), account, ids)
    expect_network(request, account)


def _asked(request: Request, account: MerchantAccount) -> str:
    message, context, payload = _parts(request)
    code = identity(payload, "customerCode")
    if _choice(account, "signs") == "ids":
        _expect_ids_signed(message, context, request, account)
        _expect_ours(payload, account)
    else:
        values = _head(context, account, code)
        fields = _spellings(request, "fields")
        signature = identity(payload, "signature")
        _expect_signature(signature, account, values, *((text,) for text in fields))
    return code


def _paid(request: Request, account: MerchantAccount) -> Notice:
    message, context, payload = _parts(request)
    by_ids = _choice(account, "signs") == "ids"
    code = identity(payload, "customerCode")
    amount = identity(payload, "totalPaymentAmount")
    number = identity(payload, "internalTransactionRefNo")
    names = [name for name, _ in _bills(payload)]
    if by_ids:
        _expect_ids_signed(message, context, request, account)
        _expect_ours(payload, account)
    else:
        values = (
            *_head(context, account, code),
            amount,
            identity(payload, "paymentMode"),
            number,
        )
        tails = [
            (fields, bills)
            for fields in _spellings(request, "fields")
            for bills in _spellings(request, "bills")
        ]
        _expect_signature(identity(payload, "signature"), account, values, *tails)
    return Notice(
        transaction_id=number,
        outcome=Outcome.PAID,
        amount_vnd=digits_vnd(amount, "totalPaymentAmount"),
        paid_at=_time(context, "requestDateTime", request),
        content=" ".join(names) if len(names) > 1 else "",
        merchant_reference="" if len(names) > 1 else (names or [code])[0],
        is_provisional=by_ids,
    )


def _advised(
    message: Mapping[str, Any],
    context: Mapping[str, Any],
    payload: Mapping[str, Any],
    request: Request,
    account: MerchantAccount,
) -> Notice:
    given = (identity(payload, "account"), identity(payload, "amount"), identity(payload, "dorc"))
    number, amount, direction = given
    _expect_ids_signed(message, context, request, account)
    if direction not in _OUTCOMES:
        raise RefusedError(Refused.BAD_FIELD, "dorc")
    if identity(payload, "currency", required=False) not in ("", "VND"):
        raise RefusedError(Refused.BAD_FIELD, "currency")
    return Notice(
        transaction_id=f"advice.{identity(context, 'channelRefNumber')}",
        outcome=_OUTCOMES[direction],
        amount_vnd=digits_vnd(amount, "amount"),
        paid_at=_time(payload, "transactionTime", request),
        content=free_text(payload, "remark"),
        payee_account=number,
        is_provisional=True,
    )


def _head(context: Mapping[str, Any], account: MerchantAccount, code: str) -> tuple[str, ...]:
    """What Inquiry's and Payment's strings begin with; the provider and service are our own."""
    return (
        identity(context, "channelId"),
        identity(context, "channelRefNumber"),
        setting(account, "provider_id"),
        setting(account, "service_id"),
        code,
    )


def _expect_ours(payload: Mapping[str, Any], account: MerchantAccount) -> None:
    """Where provider and service are not under the signature, they are compared."""
    for field, name in (("providerId", "provider_id"), ("serviceId", "service_id")):
        if identity(payload, field) != setting(account, name):
            raise RefusedError(Refused.WRONG_MERCHANT, field)


def _bills(payload: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(billId, amount) of each bill that a Payment names."""
    bills = payload.get("bills") or []
    if not isinstance(bills, list) or not all(isinstance(bill, dict) for bill in bills):
        raise RefusedError(Refused.BAD_FIELD, "bills")
    return [(identity(bill, "billId"), identity(bill, "amount", required=False)) for bill in bills]


def _spellings(request: Request, name: str) -> tuple[str, ...]:
    """How a member of the payload may have been printed for signing."""
    return spellings(raw_members(raw_members(request.body.decode())["payload"]).get(name, ""))


def _time(message: Mapping[str, Any], name: str, request: Request) -> datetime:
    """A time in whichever of the bank's spellings; nobody signs it."""
    text = _echo(message, name)
    times = (unsigned_time(text, layout, request) for layout in _LAYOUTS)
    return min(times)  # what cannot be read or believed is the arrival, and nothing is later


def _echo(message: Mapping[str, Any], name: str) -> str:
    """A field for the answer, or "" where it is nothing to repeat."""
    try:
        return identity(message, name, required=False)
    except RefusedError:
        return ""


def _ids(context: Mapping[str, Any]) -> tuple[str, str]:
    return _echo(context, "channelId"), _echo(context, "channelRefNumber")


def _context(context: Mapping[str, Any], status: str, code: int | str) -> dict[str, object]:
    fields = ("channelId", "channelRefNumber", "requestDateTime")
    return {name: _echo(context, name) for name in fields} | {"status": status, "errorCode": code}


def _message_id(verdict: Verdict) -> int | str:
    return int(verdict.record_id) if verdict.record_id.isdecimal() else verdict.record_id


def _signed_by_ids(
    context: Mapping[str, object],
    payload: Mapping[str, object],
    account: MerchantAccount,
    message_id: int | str,
) -> Reply:
    """An answer under channelId|channelRefNumber|responseMsgId."""
    answered = {**context, "responseMsgId": message_id}
    signature = sign(account, *_ids(context), str(message_id))
    return json_reply(200, {"context": answered, "payload": payload, "signature": signature})


def _advice_taken(request: Request, account: MerchantAccount, message_id: int | str) -> Reply:
    _, context, _ = _parts(request)
    channel_id, number = _ids(context)
    answered = {
        "channelId": channel_id,
        "channelRefNumber": number,
        "errorCode": "0",
        "errorMessage": "Success",
        "requestDateTime": _echo(context, "requestDateTime").replace("/", "-"),
        "responseMsgId": message_id,
        "status": "Truy vấn, thanh toán thành công",
    }
    return _signed_by_ids(answered, {}, account, message_id)


def _payment_taken(request: Request, account: MerchantAccount, message_id: int | str) -> Reply:
    _, context, payload = _parts(request)
    bills = _bills(payload)
    ours = {
        "providerId": setting(account, "provider_id"),
        "serviceId": setting(account, "service_id"),
    }
    if _choice(account, "signs") == "ids":
        taken: list[dict[str, object]] = [
            {"amount": amount, "billErrCode": "0", "billErrDesc": "", "billId": name}
            for name, amount in bills
        ]
        answered = _context(context, "SUCCESS", 0)
        return _signed_by_ids(answered, {**ours, "bills": taken}, account, message_id)
    taken = [{"billId": name, "amount": amount, "billErrorCode": 0} for name, amount in bills]
    repeated = ("customerCode", "totalPaymentAmount", "paymentMode", "internalTransactionRefNo")
    signature = sign(
        account,
        *_ids(context),
        "Success",
        "0",
        *(identity(payload, name) for name in repeated),
        _spellings(request, "fields")[0],
        compact(taken),
    )
    answered = _context(context, "Success", 0)
    return json_reply(
        200, {"context": answered, "payload": {**ours, "bills": taken, "signature": signature}}
    )


def _failure(
    request: Request,
    account: MerchantAccount | None,
    code: str,
    status: int = 200,
    *,
    is_verified: bool = False,
) -> Reply:
    """A code of the table in the form of the call; signed only where the request's signature held."""
    try:
        _, context, _ = _parts(request)
    except RefusedError:
        context = {}
    by_ids = _is_advice(request) or bool(account and account.settings.get("signs") == "ids")
    answered = _context(context, "FAILURE" if by_ids else "Failure", code)
    if not _is_advice(request):
        answered["errorCode"] = int(code) if code.isdecimal() else code
    answered["errorMessage"] = _WORDS.get(code, "")
    if is_verified and by_ids and account:
        return _signed_by_ids(answered, {}, account, _ids(context)[1])
    return json_reply(status, {"context": answered, "payload": {}})
