"""OnePay (vpc_Version 2): the redirect to its page, the IPN it sends, the question we may ask (QueryDR).

Signed is every non-empty vpc_* and user_* field but the hash itself: "name=value" sorted by name and
joined by "&", values as they are (not url-encoded), HMAC-SHA256 under the hex-decoded hash key, in
upper-case hex. Fields of other names are not signed and are not read. Amounts are hundredths of a
dong on the wire. The browser's return is for display only.

Sources: github.com/naustudio/vn-payments (src/onepay/*.js: formula, response codes) and OnePay's own
guide, mtf.onepay.vn/developer (IPN, QueryDR).

Choices where the protocol leaves one:
- A value that contains "&vpc_x=" could stand for two readings of one signed string: it is refused,
  and never sent.
- The IPN address goes with every order (vpc_CallbackURL). OnePay calls it by GET or by a posted form;
  both are read. OnePay asks again (3 times, every 50 s) only when the answer is not HTTP 200, so no
  refusal is one: what was damaged on the way, or came while we were busy, comes again.
- Money that moved is confirmed (responsecode=1) whatever we think of its amount or reference.
- Identity. `{MerchTxnRef}.{TransactionNo}` is the paid transaction; any other outcome has the
  outcome added, so that a failure that is paid later is a new fact.
- The response code is text: only "0" is money; 100 (not paid yet) and 300 (at the bank) are pending;
  the published failures are failures; any other code is pending and kept as `unmapped_status`.
- QueryDR's answer is taken to be url-encoded vpc_* fields under the same hash. An answer that knows
  no transaction (vpc_DRExists=N) carries no hash in every sample, and none is demanded: it says
  nothing about money. No answer names a time of payment: the moment we heard of it stands for it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote, unquote_to_bytes, urlencode

from adapters.contract import (
    NOTICES,
    Answer,
    Callback,
    Checkout,
    MerchantAccount,
    Notice,
    Notices,
    Order,
    OrderQuery,
    Outcome,
    OutgoingRequest,
    Refused,
    RefusedError,
    Reply,
    Request,
    Verdict,
    VerdictKind,
    always,
)
from adapters.wire import (
    MAX_AMOUNT_VND,
    expect_bounded,
    identity,
    refusal_status,
    same,
    secret,
    setting,
)

NAME: str = "onepay"
SECRETS: Final[Mapping[str, str]] = {
    "hash_key": "the merchant's hash code, in hex",
    "query_password": "vpc_Password of QueryDR",
}
SETTINGS: Final[Mapping[str, str]] = {
    "merchant": "vpc_Merchant",
    "access_code": "vpc_AccessCode",
    "pay_url": "the payment page, e.g. https://mtf.onepay.vn/paygate/vpcpay.op",
    "query_url": "QueryDR, e.g. https://mtf.onepay.vn/msp/api/v1/vpc/invoices/queries",
    "query_user": "vpc_User of QueryDR",
}

FIRST_ASK: timedelta = timedelta(minutes=15)
_FORM: Final = "application/x-www-form-urlencoded"
_FAILURES: Final = frozenset(
    "1 2 3 4 5 6 7 8 9 10 11 12 13 21 22 23 24 25 99 253 B E F Z".split()  # noqa: SIM905 - a table
)
_OF_PAYMENTS: Final = frozenset({"pay", "querydr"})
_CONFIRMED: Final = b"responsecode=1&desc=confirm-success"
_FAILED: Final = b"responsecode=0&desc=confirm-fail"

callbacks = always(Callback(NOTICES))


def needed(settings: Mapping[str, str]) -> frozenset[str]:  # noqa: ARG001 - the contract's shape
    """The names of the secrets and settings that must be given, beside these settings."""
    return frozenset(
        {
            "hash_key",
            "query_password",
            "merchant",
            "access_code",
            "pay_url",
            "query_url",
            "query_user",
        }
    )


def read(request: Request, account: MerchantAccount) -> Notices:
    """An IPN: GET with a query or POST of a form. See IpnAdapter.read."""
    if request.path:
        raise RefusedError(Refused.NOT_FOUND)
    match request.method:
        case "GET":
            data = request.query
        case "POST":
            declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if declared != _FORM:
                raise RefusedError(Refused.WRONG_CONTENT_TYPE, "content-type")
            data = request.body
        case _:
            raise RefusedError(Refused.NOT_FOUND)
    return Notices((_notice(_verified(data, account), request.received_at),))


def acknowledge(
    request: Request,  # noqa: ARG001 - the contract's shape
    account: MerchantAccount,  # noqa: ARG001
    verdicts: Sequence[Verdict],
) -> Reply:
    """Confirmed, unless it contradicts what was confirmed before; always HTTP 200: never again."""
    is_refused = any(verdict.kind is VerdictKind.CONFLICT for verdict in verdicts)
    return _reply(_FAILED if is_refused else _CONFIRMED)


def refuse(
    request: Request,  # noqa: ARG001 - the contract's shape
    account: MerchantAccount | None,  # noqa: ARG001
    error: RefusedError,
) -> Reply:
    """responsecode=0, and never HTTP 200: OnePay comes again."""
    return _reply(_FAILED, refusal_status(error))


def checkout(order: Order, account: MerchantAccount) -> Checkout:
    """The signed address of the payment page.

    Raises ValueError when the order does not fit OnePay's fields, RefusedError(BUSY) if the account
    is incomplete.
    """
    _expect_payable(order)
    fields = {
        "vpc_AccessCode": setting(account, "access_code"),
        "vpc_Amount": str(order.amount_vnd * 100),
        "vpc_CallbackURL": order.ipn_url,
        "vpc_Command": "pay",
        "vpc_Currency": "VND",
        "vpc_Locale": "en" if order.locale == "en" else "vn",
        "vpc_MerchTxnRef": order.merchant_reference,
        "vpc_Merchant": setting(account, "merchant"),
        "vpc_OrderInfo": order.description[:32].strip(),
        "vpc_ReturnURL": order.return_url,
        "vpc_TicketNo": order.client_ip,
        "vpc_Version": "2",
    }
    fields["vpc_SecureHash"] = secure_hash(fields, account)
    return Checkout(url=f"{setting(account, 'pay_url')}?{urlencode(fields, quote_via=quote)}")


def read_return(query: bytes, account: MerchantAccount) -> Outcome:
    """What the browser came back with; for display. Raises RefusedError."""
    return _outcome(identity(_verified(query, account), "vpc_TxnResponseCode"))


def ask(query: OrderQuery, account: MerchantAccount) -> OutgoingRequest:
    """A signed QueryDR: POST of a form. RefusedError(BUSY) if the account is incomplete."""
    fields = {
        "vpc_AccessCode": setting(account, "access_code"),
        "vpc_Command": "queryDR",
        "vpc_MerchTxnRef": query.merchant_reference,
        "vpc_Merchant": setting(account, "merchant"),
        "vpc_Password": secret(account, "query_password"),
        "vpc_User": setting(account, "query_user"),
        "vpc_Version": "2",
    }
    fields["vpc_SecureHash"] = secure_hash(fields, account)
    return OutgoingRequest(
        method="POST",
        url=setting(account, "query_url"),
        headers={"content-type": _FORM},
        body=urlencode(fields, quote_via=quote).encode(),
    )


def read_answer(query: OrderQuery, answer: Answer, account: MerchantAccount) -> tuple[Notice, ...]:
    """The same notice as the IPN of the same transaction; none when there is no transaction yet.

    Raises RefusedError; BUSY when OnePay answered no QueryDR at all (an error, HTML, nothing).
    """
    if answer.status != 200:
        raise RefusedError(Refused.BUSY)
    body = answer.body.strip()
    exists = [pair for pair in body.split(b"&") if pair.startswith(b"vpc_DRExists=")]
    if exists == [b"vpc_DRExists=N"]:
        return ()
    if not exists:
        raise RefusedError(Refused.BUSY, "vpc_DRExists")
    fields = _verified(body, account)
    if fields.get("vpc_DRExists") != "Y":
        raise RefusedError(Refused.BAD_FIELD, "vpc_DRExists")
    if fields.get("vpc_MerchTxnRef") != query.merchant_reference:
        raise RefusedError(Refused.BAD_FIELD, "vpc_MerchTxnRef")
    if identity(fields, "vpc_TxnResponseCode") != "0":
        # An order that nobody has paid may come without an amount: it is the one that was ordered.
        fields.setdefault("vpc_Amount", str(query.amount_vnd * 100))
    return (_notice(fields, query.asked_at),)


def secure_hash(fields: Mapping[str, str], account: MerchantAccount) -> str:
    """vpc_SecureHash of the fields. Raises RefusedError(BUSY) when the key is missing or no hex."""
    try:
        key = bytes.fromhex(secret(account, "hash_key"))
    except ValueError:
        raise RefusedError(Refused.BUSY, "hash_key") from None
    return hmac.new(key, signed_string(fields).encode(), hashlib.sha256).hexdigest().upper()


def signed_string(fields: Mapping[str, str]) -> str:
    """What is signed: the non-empty vpc_* and user_* fields, sorted, as they are."""
    return "&".join(
        f"{name}={value}"
        for name, value in sorted(fields.items())
        if value
        and name.startswith(("vpc_", "user_"))
        and name not in ("vpc_SecureHash", "vpc_SecureHashType")
    )


def _expect_payable(order: Order) -> None:
    rules = {
        "merchant_reference": (r"[0-9A-Za-z_-]{1,34}", order.merchant_reference),
        "description": (r"[0-9A-Za-z .:,_-]+", order.description),
        "return_url": (r"https?://[^&\s]{2,247}", order.return_url),
        "ipn_url": (r"https?://[^&\s]{2,247}", order.ipn_url),
        "client_ip": (r"[0-9A-Fa-f.:]{3,45}", order.client_ip),
    }
    for name, (rule, value) in rules.items():
        if not re.fullmatch(rule, value):
            raise ValueError(f"{name} does not fit OnePay's field")
    if not 1 <= order.amount_vnd < 10**9:  # domestic cards take nine digits
        raise ValueError("amount_vnd does not fit OnePay's field")


def _verified(data: bytes, account: MerchantAccount) -> dict[str, str]:
    """The signed fields of a query or form, and nothing that was not signed.

    Names are taken as they stand, so an encoded "vpc%5FAmount" is a stranger; empty values are not
    signed and mean absence.
    """
    expect_bounded(data)
    pairs = [
        (name.decode(), unquote_to_bytes(value.replace(b"+", b" ")))
        for name, _, value in (pair.partition(b"=") for pair in data.split(b"&"))
        if value and re.fullmatch(rb"(?:vpc|user)_[0-9A-Za-z_]+", name)
    ]
    try:
        fields = {name: value.decode() for name, value in pairs}
    except UnicodeDecodeError:
        raise RefusedError(Refused.MALFORMED) from None
    given = fields.pop("vpc_SecureHash", "")
    fields.pop("vpc_SecureHashType", None)
    if not same(given.upper(), secure_hash(fields, account)):
        raise RefusedError(Refused.BAD_SIGNATURE, "vpc_SecureHash")
    is_doubled = len(dict(pairs)) != len(pairs)
    if is_doubled or any(re.search(r"&(?:vpc|user)_\w*=", value) for value in fields.values()):
        raise RefusedError(Refused.MALFORMED)
    if fields.get("vpc_Merchant", setting(account, "merchant")) != setting(account, "merchant"):
        raise RefusedError(Refused.WRONG_MERCHANT, "vpc_Merchant")
    return fields


def _outcome(code: str) -> Outcome:
    if code == "0":
        return Outcome.PAID
    return Outcome.FAILED if code in _FAILURES else Outcome.PENDING


def _notice(fields: Mapping[str, str], heard_at: datetime) -> Notice:
    code = identity(fields, "vpc_TxnResponseCode")
    outcome = _outcome(code)
    reference = identity(fields, "vpc_MerchTxnRef")
    number = identity(fields, "vpc_TransactionNo", required=outcome is Outcome.PAID) or "0"
    if not re.fullmatch(r"[0-9A-Za-z_-]{1,40}", number):
        raise RefusedError(Refused.BAD_FIELD, "vpc_TransactionNo")
    transaction_id = f"{reference}.{number}"
    is_mapped = outcome is not Outcome.PENDING or code in ("100", "300")
    command = identity(fields, "vpc_Command", required=False) or "pay"
    if command.lower() not in _OF_PAYMENTS:  # a refund's code says how the refund went
        outcome, code, is_mapped = Outcome.PENDING, f"{command}/{code}", False
    return Notice(
        transaction_id=transaction_id if outcome is Outcome.PAID else f"{transaction_id}.{outcome}",
        outcome=outcome,
        amount_vnd=_amount_vnd(identity(fields, "vpc_Amount")),
        paid_at=heard_at,
        merchant_reference=reference,
        unmapped_status="" if is_mapped else code[:32],
    )


def _amount_vnd(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,12}00", text) or int(text) // 100 > MAX_AMOUNT_VND:
        raise RefusedError(Refused.BAD_FIELD, "vpc_Amount")
    return int(text) // 100


def _reply(body: bytes, status: int = 200) -> Reply:
    return Reply(status=status, body=body, content_type="text/plain; charset=utf-8")
