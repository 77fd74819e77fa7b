"""SePay's gateway, OnePay and VietQR as public npm packages speak them: both ways.

sepay-pg-node 1.0.0 signs a form in the order in which its fields were given, and sends them so; SePay's
packages for other languages have a fixed order (adapters.providers.sepaypg.SIGNED_FIELDS). We give that order, which
both read alike. vn-payments 1.1.0 is OnePay's older form: it knows no vpc_CallbackURL, but signs whatever
vpc_ fields there are. vietnam-qr-pay 1.5.1 writes and reads the QR of a transfer; nothing there is secret.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import Judge
from support.review_school import (
    NOW,
    ORDER,
    QUERY,
    account_of,
    at_server,
    decided,
    merchant_of,
    notice_of,
    notified,
    refusal_of,
)

from adapters import vietqr
from adapters.contract import Order, Outcome, Refused
from adapters.providers import onepay, sepaypg
from sandbox import onepay as onepay_notifier
from sandbox import sepaypg as sepaypg_notifier
from sandbox.provider import Call, Message, Movement, MovementState, altered

SEPAY = replace(
    account_of("sepaypg"),
    settings={
        "merchant_id": "HOCPHIPG",
        "checkout_url": "https://pay-sandbox.sepay.vn/v1/checkout/init",
        "api_url": "https://pgapi-sandbox.sepay.vn/v1",
    },
)
SEPAY_CONFIG = {
    "env": "sandbox",
    "merchant_id": SEPAY.settings["merchant_id"],
    "secret_key": SEPAY.secrets["secret_key"],
}
ONEPAY = account_of("onepay")
ONEPAY_CONFIG = {
    "merchant": ONEPAY.settings["merchant"],
    "accessCode": ONEPAY.settings["access_code"],
    "paymentGateway": ONEPAY.settings["pay_url"],
    "secureSecret": ONEPAY.secrets["hash_key"],
}

texts = st.text("abcXYZ019 .:;/?=+%#'()*!~-_\"<>ăĂâđĐêôơưẤếỆỉỗợ𝄞\u0301", max_size=40)
plain = st.from_regex(r"[0-9A-Za-z][0-9A-Za-z .:_-]{0,30}[0-9A-Za-z]", fullmatch=True)
numbers = st.from_regex(r"HP[0-9A-HJKMNP-TV-Z]{10}[0-9]{2}", fullmatch=True)
addresses = st.from_regex(r"https://x\.vn/[a-z0-9/?=.%_-]{0,60}", fullmatch=True)
orders = st.builds(
    lambda **changes: replace(ORDER, **changes),
    merchant_reference=numbers,
    amount_vnd=st.integers(1, 10**9 - 1),
    description=plain,
    return_url=addresses,
    ipn_url=addresses,
    locale=st.sampled_from(["vi", "en"]),
)
movements = st.builds(
    Movement,
    sequence=st.integers(1, 10**9),
    amount_vnd=st.integers(1, 10**9 - 1),
    at=st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - the strategy wants bare bounds
    state=st.sampled_from(MovementState),
    merchant_reference=numbers,
    content=texts,
)
few = settings(max_examples=40)


@few
@given(order=orders)
def test_sepays_package_makes_the_very_form_that_we_do(judge: Judge, order: Order) -> None:
    ours = sepaypg.checkout(order, SEPAY)
    form = {name: value for name, value in ours.fields.items() if name != "signature"}
    said = judge("sepay.form", config=SEPAY_CONFIG, form=form)
    assert (said["url"], said["fields"]) == (ours.url, dict(ours.fields))
    assert list(said["fields"]) == list(ours.fields)  # the order is signed

    server = sepaypg_notifier.SepayPg([merchant_of("sepaypg")])
    body = urlencode(said["fields"]).encode()
    call = Call(method="POST", path="/v1/checkout/init", query="", headers={}, body=body)
    assert server.answer(call, NOW).status == 200
    (placed,) = server.orders.values()
    assert placed.fields["order_amount"] == str(order.amount_vnd)
    forged = urlencode(said["fields"] | {"order_amount": str(order.amount_vnd + 1)}).encode()
    assert server.answer(replace(call, body=forged), NOW).status == 400


@few
@given(fields=st.dictionaries(st.sampled_from(sepaypg.SIGNED_FIELDS), texts, min_size=1))
def test_sepays_package_signs_as_we_do(judge: Judge, fields: dict[str, str]) -> None:
    form = {name: fields[name] for name in sepaypg.SIGNED_FIELDS if name in fields}
    signature = judge("sepay.sign", config=SEPAY_CONFIG, form=form)
    assert signature == sepaypg.sign_fields(SEPAY_CONFIG["secret_key"], fields)
    name = next(iter(form))
    other = judge("sepay.sign", config=SEPAY_CONFIG, form=form | {name: form[name] + "x"})
    assert other == sepaypg.sign_fields(SEPAY_CONFIG["secret_key"], form | {name: form[name] + "x"})
    assert other != signature


@few
@given(number=numbers)
def test_sepays_package_asks_and_cancels_as_we_do(judge: Judge, number: str) -> None:
    query = replace(QUERY, merchant_reference=number)
    for ask, ours in (
        ("sepay.retrieve", sepaypg.ask(query, SEPAY)),
        ("sepay.cancel", sepaypg.cancel(query, SEPAY)),
    ):
        sent = judge(ask, config=SEPAY_CONFIG, number=number, answer="{}")["sent"]
        assert (sent["method"], sent["url"]) == (ours.method, ours.url)
        assert sent["body"] == ours.body.decode()
        theirs = {name.lower(): value for name, value in sent["headers"].items()}
        assert theirs["authorization"] == ours.headers["authorization"]


def test_sepays_package_reads_the_sandboxs_answer(judge: Judge) -> None:
    server = sepaypg_notifier.SepayPg([merchant_of("sepaypg")])
    fields = sepaypg.checkout(ORDER, SEPAY).fields
    call = Call(method="POST", path="/v1/checkout/init", query="", headers={},
                body=urlencode(fields).encode())  # fmt: skip
    server.answer(call, NOW)
    answer = at_server(server, sepaypg.ask(QUERY, SEPAY))
    number = ORDER.merchant_reference
    said = judge("sepay.retrieve", config=SEPAY_CONFIG, number=number, answer=answer.body.decode())
    assert said["result"]["data"]["order_invoice_number"] == number
    (notice,) = sepaypg.read_answer(QUERY, answer, SEPAY)
    assert (notice.outcome, notice.amount_vnd) == (Outcome.PENDING, ORDER.amount_vnd)


def onepay_said(judge: Judge, query: str) -> dict[str, Any]:
    said: dict[str, Any] = judge("onepay.return", config=ONEPAY_CONFIG, query=query)
    return said


@few
@given(order=orders, name=st.sampled_from(["Amount", "MerchTxnRef", "CallbackURL", "SecureHash"]),
       at=st.integers(0, 100))  # fmt: skip
def test_onepays_package_verifies_our_address_and_no_other(
    judge: Judge, order: Order, name: str, at: int
) -> None:
    query = urlsplit(onepay.checkout(order, ONEPAY).url).query
    said = onepay_said(judge, query)
    assert (said["message"] != "Wrong checksum", said["amount"]) == (True, order.amount_vnd)
    forged = altered(Message(query=query), f"vpc_{name}=", at).query
    assert onepay_said(judge, forged)["message"] == "Wrong checksum"


@few
@given(order=orders, title=texts, customer=texts)
def test_onepays_package_builds_an_address_that_we_verify(
    judge: Judge, order: Order, title: str, customer: str
) -> None:
    ours = dict(parse_qsl(urlsplit(onepay.checkout(order, ONEPAY).url).query))
    url = judge(
        "onepay.pay",
        config=ONEPAY_CONFIG,
        order={
            "amount": order.amount_vnd,
            "clientIp": order.client_ip,
            "customerId": customer,
            "locale": ours["vpc_Locale"],
            "orderId": ours["vpc_OrderInfo"],
            "returnUrl": order.return_url,
            "title": title or "Hoc phi",
            "transactionId": order.merchant_reference,
        },
    )
    assert url.partition("?")[0] == ONEPAY.settings["pay_url"]
    theirs = dict(parse_qsl(urlsplit(url).query))
    assert theirs["vpc_SecureHash"] == onepay.secure_hash(theirs, ONEPAY)
    # What both send is the same; the address of the IPN is younger than the package.
    added = {"vpc_CallbackURL", "vpc_SecureHash"}
    assert set(ours) - set(theirs) == added - {"vpc_SecureHash"}
    assert {n: theirs[n] for n in set(ours) - added} == {n: ours[n] for n in set(ours) - added}

    server = onepay_notifier.Onepay([merchant_of("onepay")])
    call = Call(method="GET", path="/pay", query=urlsplit(url).query, headers={}, body=b"")
    assert server.open_order(call, NOW).amount_vnd == order.amount_vnd


@few
@given(movement=movements, mark=st.sampled_from(onepay_notifier.SIGNED), at=st.integers(0, 100))
def test_a_changed_symbol_of_onepays_is_refused_by_both(
    judge: Judge, movement: Movement, mark: str, at: int
) -> None:
    movement = replace(movement, content=f"a{movement.content}")
    message = notified(onepay_notifier, movement)
    said = onepay_said(judge, message.query)
    notice = notice_of(onepay, message)
    assert {said["amount"], notice.amount_vnd} == {movement.amount_vnd}
    assert {said["transactionId"], notice.merchant_reference} == {movement.merchant_reference}
    assert said["isSuccess"] is (notice.outcome is Outcome.PAID)
    assert notice.outcome is Outcome[movement.state.name]
    assert said["message"] != "Wrong checksum"

    forged = altered(message, mark, at)
    assert onepay_said(judge, forged.query)["message"] == "Wrong checksum"
    # A letter broken in the middle is no text at all, and there is nothing to verify.
    assert refusal_of(onepay, forged).reason in {Refused.BAD_SIGNATURE, Refused.MALFORMED}


@pytest.mark.parametrize("is_paid", [True, False])
def test_onepays_package_verifies_the_browsers_return(judge: Judge, is_paid: bool) -> None:
    server = onepay_notifier.Onepay([merchant_of("onepay")])
    back = decided(server, onepay.checkout(ORDER, ONEPAY), is_paid=is_paid).return_url
    query = urlsplit(back).query
    said = onepay_said(judge, query)
    assert (said["isSuccess"], said["message"] != "Wrong checksum") == (is_paid, True)
    outcome = Outcome.PAID if is_paid else Outcome.FAILED
    assert onepay.read_return(query.encode(), ONEPAY) is outcome


codes = st.fixed_dictionaries(
    {
        "bin": st.from_regex(r"[0-9]{6}", fullmatch=True),
        "account": st.from_regex(r"[0-9A-Za-z]{1,19}", fullmatch=True),
        "amount_vnd": st.none() | st.integers(1, vietqr.MAX_AMOUNT_VND),
        "content": st.from_regex(r"[0-9A-Za-z .-]{0,25}", fullmatch=True),
        "bill": st.from_regex(r"[0-9A-Z]{0,25}", fullmatch=True),
        "service": st.sampled_from([vietqr.Service.ACCOUNT, vietqr.Service.CARD]),
    }
)


@few
@given(code=codes, place=st.integers(0, 400))
def test_a_qr_is_written_alike_and_a_changed_one_refused_by_both(
    judge: Judge, code: dict[str, Any], place: int
) -> None:
    ours = vietqr.encode(**code)
    amount = None if code["amount_vnd"] is None else str(code["amount_vnd"])
    options = {"bankBin": code["bin"], "bankNumber": code["account"], "service": code["service"]}
    given_texts = {"amount": amount, "purpose": code["content"]}
    options |= {name: text for name, text in given_texts.items() if text}
    assert judge("vietqr.build", code=options, bill=code["bill"]) == ours

    said = judge("vietqr.read", payload=ours)
    read = vietqr.decode(ours)
    assert said["isValid"] is True
    assert (said["consumer"]["bankBin"], said["consumer"]["bankNumber"]) == (read.bin, read.account)
    assert said.get("amount") == amount
    assert read.amount_vnd == code["amount_vnd"]
    assert said["additionalData"].get("purpose", "") == code["content"]
    assert said["additionalData"].get("billNumber", "") == code["bill"]

    place %= len(ours)
    changed = ours[:place] + ("7" if ours[place] != "7" else "8") + ours[place + 1 :]
    assert judge("vietqr.read", payload=changed)["isValid"] is False
    with pytest.raises(vietqr.VietQRError):
        vietqr.decode(changed)
