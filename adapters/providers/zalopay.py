"""ZaloPay OpenAPI v2: the order it is told of, the callback it sends, the questions and refunds we send.

Signed is HMAC-SHA256 in hex over values joined by "|": ours with key1; the callback (its `data` string,
verbatim) and the browser's return with key2. `type` beside `data` is not signed and read by nobody.
ZaloPay signs no answer to a call: TLS to `api_url` vouches for it.

Sources: docs.zalopay.vn/docs/specs/ (order-create, order-query, callback-api, order-refund,
order-query-refund), beta-docs.zalopay.vn/docs/developer-tools/knowledge-base/status-codes,
github.com/zalopay-oss/zalopay-nodejs (specs/zlp.yaml), github.com/zalopay-samples.

Choices where the protocol leaves one:
- Names. app_trans_id is `yymmdd_` and our reference, the day in Vietnam on which the order was made; the
  notice has the reference without it. A name of another shape is left whole.
- Identity. `{app_trans_id}.{zp_trans_id}` is the paid transaction; what a query says of an order that is
  not paid is `{app_trans_id}.{outcome}`. There is a callback of paid orders only.
- Amount. `amount` alone is the order's: user_fee_amount is what the payer gave ZaloPay on top of it, and
  discount_amount what ZaloPay gave the payer.
- Replies. 1 for all that is recorded, a repetition or another amount too: 2 said "repeated" in old
  papers and says "invalid" in new ones. 2 for what is refused, 0 where we are at fault: it comes again,
  three times at most. After that only the query heals.
- A query's return_code 2 is also how it refuses the question, so an order has failed only by the
  sub-codes in `FAILED`; others are pending, and a person sees the code.
- Refunds. The page calls the demand asynchronous and wants its end asked for: even 1 is pending until
  query_refund says 1. Refused is what `REFUND_REFUSED` lists, and would meet every repetition; a repeated
  m_refund_id (-23), a day that is over (-25) and everything unknown are pending. No refund_fee_amount is
  ever sent, for its place in the signed string is told in two ways.
- m_refund_id takes our whole request_id behind `yymmdd_appid_`; the day is that of the first demand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

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
    RefundAnswer,
    RefundOrder,
    RefundState,
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
    VIETNAM,
    amount_vnd,
    answered,
    expect_bounded,
    expect_json,
    hmac_hex,
    identity,
    instant_ms,
    json_object,
    json_reply,
    query_fields,
    same,
    secret,
    setting,
    unix_ms,
)

NAME: str = "zalopay"
SECRETS: Final[Mapping[str, str]] = {
    "key1": "signs what we send",
    "key2": "signs the callback and the browser's return",
}
SETTINGS: Final[Mapping[str, str]] = {
    "api_url": "e.g. https://sb-openapi.zalopay.vn or https://openapi.zalopay.vn",
    "app_id": "app_id, a number",
}

FIRST_ASK: timedelta = timedelta(minutes=15)
RETURN_FIELDS: Final = (  # signed in this order
    "appid",
    "apptransid",
    "pmcid",
    "bankcode",
    "amount",
    "discountamount",
    "status",
)
FAILED: Final = frozenset({"-54", "-63", "-322", "-329"})
"""The end of an order: expired, not enough money, expired, cancelled by the payer."""
BUSY: Final = frozenset({"-33", "-429", "-500", "-503", "-999"})
"""Maintenance, too many calls, ZaloPay's own faults."""
REJECTED: Final = frozenset(
    {"-2", "-3", "-10", "-12", "-53", "-92", "-401", "-402", "-403", "-405", "406"}
)
"""A question that ZaloPay does not take: application, signature or format."""
REFUND_REFUSED: Final = frozenset(
    {"-4", "-6", "-8", "-9", "-13", "-14", "-18", "-24", "-26", "-28"}
)
"""Channel, failed, unknown, type, too late, amount, status, form of the id (twice), transaction."""
_NO_SUCH_ORDER: Final = "-101"
_NO_SUCH_REFUND: Final = "-21"
_PAID, _FAIL, _PROCESSING = "1", "2", "3"

callbacks = always(Callback(NOTICES))


def needed(settings: Mapping[str, str]) -> frozenset[str]:  # noqa: ARG001 - the contract's shape
    """The names of the secrets and settings that must be given, beside these settings."""
    return frozenset({"key1", "key2", "api_url", "app_id"})


def read(request: Request, account: MerchantAccount) -> Notices:
    """A callback: POST of JSON around a JSON string. See IpnAdapter.read."""
    if request.method != "POST" or request.path:
        raise RefusedError(Refused.NOT_FOUND)
    expect_json(request)
    expect_bounded(request.body)
    message = json_object(request.body)
    data, mac = message.get("data"), message.get("mac")
    if not isinstance(data, str):
        raise RefusedError(Refused.MISSING_FIELD, "data")
    raw = data.encode("utf-8", "surrogatepass")
    expected = hmac_hex("sha256", secret(account, "key2"), raw)
    if not isinstance(mac, str) or not same(mac.lower(), expected):
        raise RefusedError(Refused.BAD_SIGNATURE, "mac")
    fields = json_object(raw)
    if identity(fields, "app_id") != setting(account, "app_id"):
        raise RefusedError(Refused.WRONG_MERCHANT, "app_id")
    return Notices((_paid_notice(fields, identity(fields, "app_trans_id")),))


def acknowledge(
    request: Request,  # noqa: ARG001 - the contract's shape
    account: MerchantAccount,  # noqa: ARG001
    verdicts: Sequence[Verdict],
) -> Reply:
    """1 for what is recorded; 2 for a transaction that was told before with other content."""
    if any(verdict.kind is VerdictKind.CONFLICT for verdict in verdicts):
        return _reply(2, "conflict")
    return _reply(1, "success")


def refuse(
    request: Request,  # noqa: ARG001 - the contract's shape
    account: MerchantAccount | None,  # noqa: ARG001
    error: RefusedError,
) -> Reply:
    """2: not taken, do not call again; 0 when the fault is ours."""
    match error.reason:
        case Refused.BUSY:
            return _reply(0, "try again later")
        case Refused.BAD_SIGNATURE:
            return _reply(2, "mac not equal")
        case Refused.TOO_LARGE:
            return _reply(2, "too large", status=413)
        case _:
            return _reply(2, "invalid")


def create(order: Order, account: MerchantAccount) -> OutgoingRequest:
    """Tell ZaloPay of the order. It takes an app_trans_id once only: again is refused (-68).

    Raises ValueError when the order does not fit ZaloPay's fields, RefusedError(BUSY) if the account
    is incomplete.
    """
    embed_data = json.dumps({"redirecturl": order.return_url}, separators=(",", ":"))
    _expect_payable(order, embed_data)
    lifetime_s = int((order.expires_at - order.created_at).total_seconds())
    signed: dict[str, object] = {
        "app_id": _app_id(account),
        "app_trans_id": _app_trans_id(order.merchant_reference, order.created_at),
        "app_user": order.merchant_reference,
        "amount": order.amount_vnd,
        "app_time": unix_ms(order.created_at),
        "embed_data": embed_data,
        "item": "[]",
    }
    unsigned = {
        "description": order.description,
        "bank_code": "",
        "callback_url": order.ipn_url,
        "expire_duration_seconds": min(max(lifetime_s, 300), 2_592_000),
    }
    return _call(account, "create", signed, unsigned)


def read_created(order: Order, answer: Answer, account: MerchantAccount) -> Checkout:  # noqa: ARG001
    """Where to send the parent. Raises RefusedError: BUSY (-33, -429, -500, -503, -999) or refused."""
    message = answered(answer)
    code = _code(message)
    if code in BUSY:
        raise RefusedError(Refused.BUSY, "sub_return_code")
    if code != _PAID:
        raise RefusedError(Refused.BAD_FIELD, "sub_return_code")
    url = message.get("order_url")
    if not isinstance(url, str) or not re.fullmatch(r"https?://[!-~]{1,2000}", url):
        raise RefusedError(Refused.BAD_FIELD, "order_url")
    return Checkout(url=url)


def read_return(query: bytes, account: MerchantAccount) -> Outcome:
    """What the browser came back with; for display. Raises RefusedError."""
    message = query_fields(query)
    values = [message.get(name, "") for name in RETURN_FIELDS]
    if not same(message.get("checksum", "").lower(), _mac(secret(account, "key2"), values)):
        raise RefusedError(Refused.BAD_SIGNATURE, "checksum")
    if any("|" in value for value in values):
        # The separator inside a value would let one checksum stand for two readings.
        raise RefusedError(Refused.MALFORMED)
    if message.get("appid") != setting(account, "app_id"):
        raise RefusedError(Refused.WRONG_MERCHANT, "appid")
    status = message.get("status", "")
    if status == _PAID:
        return Outcome.PAID
    return Outcome.FAILED if status == _FAIL or status in FAILED else Outcome.PENDING


def ask(query: OrderQuery, account: MerchantAccount) -> OutgoingRequest:
    """A signed question. RefusedError(BUSY) if the account is incomplete."""
    app_trans_id = _app_trans_id(query.merchant_reference, query.ordered_at)
    signed = {"app_id": _app_id(account), "app_trans_id": app_trans_id}
    return _call(account, "query", signed, {}, and_signed=(secret(account, "key1"),))


def read_answer(
    query: OrderQuery,
    answer: Answer,
    account: MerchantAccount,  # noqa: ARG001 - the contract's shape; nothing is signed
) -> tuple[Notice, ...]:
    """The same notice as the callback of the same transaction; none for no such order (-101).

    Raises RefusedError; BUSY when ZaloPay could not answer this time.
    """
    message = answered(answer)
    code = _code(message)
    app_trans_id = _app_trans_id(query.merchant_reference, query.ordered_at)
    if code == _PAID:
        return (_paid_notice(message, app_trans_id),)
    if code == _NO_SUCH_ORDER:
        return ()
    if code in BUSY:
        raise RefusedError(Refused.BUSY, "sub_return_code")
    if code in REJECTED:
        raise RefusedError(Refused.BAD_FIELD, "sub_return_code")
    outcome = Outcome.FAILED if code in FAILED else Outcome.PENDING
    is_mapped = code == _PROCESSING or outcome is Outcome.FAILED
    return (
        Notice(
            transaction_id=f"{app_trans_id}.{outcome}",
            outcome=outcome,
            amount_vnd=query.amount_vnd,  # of an order that is not paid the answer names none
            paid_at=query.asked_at,
            merchant_reference=query.merchant_reference,
            unmapped_status="" if is_mapped else code,
        ),
    )


def refund(order: RefundOrder, account: MerchantAccount) -> OutgoingRequest:
    """The signed demand; m_refund_id is the same in every repetition.

    Raises ValueError when it does not fit ZaloPay's fields, RefusedError(BUSY) if the account is
    incomplete.
    """
    zp_trans_id = order.transaction_id.rpartition(".")[2]
    _expect_rules(
        {
            "request_id": (r"[0-9A-Za-z]{1,24}", order.request_id),
            "transaction_id": (r"[0-9]{1,20}", zp_trans_id),
            "reason": (r"[ -{}~]{1,100}", order.reason),
        }
    )
    if not 1 <= order.amount_vnd <= min(order.paid_vnd, MAX_AMOUNT_VND):
        raise ValueError("amount_vnd does not fit ZaloPay's field")
    signed = {
        "app_id": _app_id(account),
        "zp_trans_id": zp_trans_id,
        "amount": order.amount_vnd,
        "description": order.reason,
        "timestamp": unix_ms(order.asked_at),
    }
    return _call(account, "refund", signed, {"m_refund_id": _refund_id(order, account)})


def read_refund(
    order: RefundOrder,  # noqa: ARG001 - the contract's shape: the answer repeats nothing
    answer: Answer,
    account: MerchantAccount,  # noqa: ARG001
) -> RefundAnswer:
    """The answer to the demand: never done yet. Raises RefusedError: nothing is known."""
    return _refund_answer(answered(answer), {})


def ask_refund(order: RefundOrder, account: MerchantAccount) -> OutgoingRequest:
    """The signed question what became of a refund."""
    signed = {
        "app_id": _app_id(account),
        "m_refund_id": _refund_id(order, account),
        "timestamp": unix_ms(order.asked_at),
    }
    return _call(account, "query_refund", signed, {})


def read_refund_status(
    order: RefundOrder,  # noqa: ARG001 - the contract's shape: the answer repeats nothing
    answer: Answer,
    account: MerchantAccount,  # noqa: ARG001
) -> RefundAnswer:
    """The answer to the question. Raises RefusedError: nothing is known.

    -21 (no such refund): it is unseen, and the demand may be repeated.
    """
    said = {_PAID: RefundState.DONE, _NO_SUCH_REFUND: RefundState.UNSEEN}
    return _refund_answer(answered(answer), said)


def _paid_notice(message: Mapping[str, Any], app_trans_id: str) -> Notice:
    zp_trans_id = identity(message, "zp_trans_id")
    if not re.fullmatch(r"[1-9][0-9]{0,19}", zp_trans_id):
        raise RefusedError(Refused.BAD_FIELD, "zp_trans_id")
    named = re.fullmatch(r"[0-9]{6}_(.+)", app_trans_id)
    return Notice(
        transaction_id=f"{app_trans_id}.{zp_trans_id}",
        outcome=Outcome.PAID,
        amount_vnd=amount_vnd(message, "amount"),
        paid_at=instant_ms(message, "server_time"),
        merchant_reference=named[1] if named else app_trans_id,
    )


def _refund_answer(message: Mapping[str, Any], said: Mapping[str, RefundState]) -> RefundAnswer:
    """`said`: what codes mean in this answer, beside those that refuse a refund in any."""
    code = _code(message)
    in_any = RefundState.REFUSED if code in REFUND_REFUSED else RefundState.PENDING
    state = said.get(code, in_any)
    refund_id = identity(message, "refund_id", required=False)
    return RefundAnswer(state=state, provider_refund_id=refund_id, code=code)


def _code(message: Mapping[str, Any]) -> str:
    """return_code, or the sub-code that explains it where it is 2 (failed)."""
    code = _number(message, "return_code")
    if code != _FAIL:
        return code
    # A positive sub-code under a failure would read as paid or processing.
    sub_code = _number(message, "sub_return_code") if message.get("sub_return_code") else ""
    return sub_code if sub_code not in ("", _PAID, _PROCESSING) else code


def _number(message: Mapping[str, Any], name: str) -> str:
    text = identity(message, name)
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise RefusedError(Refused.BAD_FIELD, name)
    return text


def _app_id(account: MerchantAccount) -> int:
    text = setting(account, "app_id")
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise RefusedError(Refused.BUSY, "app_id")
    return int(text)


def _app_trans_id(merchant_reference: str, ordered_at: datetime) -> str:
    return f"{ordered_at.astimezone(VIETNAM):%y%m%d}_{merchant_reference}"


def _refund_id(order: RefundOrder, account: MerchantAccount) -> str:
    day = order.requested_at.astimezone(VIETNAM)
    return f"{day:%y%m%d}_{_app_id(account)}_{order.request_id}"


def _mac(key: str, values: Sequence[object]) -> str:
    """HMAC-SHA256 over values joined by "|", as everything but the callback is signed."""
    text = "|".join(str(value) for value in values)
    return hmac_hex("sha256", key, text.encode("utf-8", "surrogatepass"))


def _call(
    account: MerchantAccount,
    path: str,
    signed: Mapping[str, object],
    unsigned: Mapping[str, object],
    *,
    and_signed: Sequence[str] = (),
) -> OutgoingRequest:
    """A call whose mac is over the values of `signed` in their order, then over `and_signed`."""
    mac = _mac(secret(account, "key1"), [*signed.values(), *and_signed])
    return OutgoingRequest(
        method="POST",
        url=f"{setting(account, 'api_url').rstrip('/')}/v2/{path}",
        headers={"content-type": "application/json"},
        body=json.dumps({**signed, **unsigned, "mac": mac}, separators=(",", ":")).encode(),
    )


def _expect_payable(order: Order, embed_data: str) -> None:
    _expect_rules(
        {
            "merchant_reference": (r"[0-9A-Za-z._-]{1,33}", order.merchant_reference),
            "description": (r"[0-9A-Za-z .:,/_-]{1,256}", order.description),
            "return_url": (r"https?://[^\s|]+", order.return_url),
            "ipn_url": (r"https?://[!-~]{1,500}", order.ipn_url),
        }
    )
    if len(embed_data) > 1_024:
        raise ValueError("return_url does not fit ZaloPay's field")
    if not 1 <= order.amount_vnd <= MAX_AMOUNT_VND:
        raise ValueError("amount_vnd does not fit ZaloPay's field")


def _expect_rules(rules: Mapping[str, tuple[str, str]]) -> None:
    for name, (rule, value) in rules.items():
        if not re.fullmatch(rule, value):
            raise ValueError(f"{name} does not fit ZaloPay's field")


def _reply(code: int, words: str, status: int = 200) -> Reply:
    return json_reply(status, {"return_code": code, "return_message": words})
