"""Viettel Money: the published vector, digits that cannot wander under one signature, both ends of each call."""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.paths import VECTORS
from support.review_school import (
    NOW,
    ORDER,
    QUERY,
    REFUND,
    account_of,
    at_server,
    decided,
    expect_signed_bytes_to_matter,
    expect_unsigned_bytes_not_to_matter,
    merchant_of,
    movements,
    notice_of,
    notified,
    only_refusals,
    received,
    refusal_of,
)

from adapters import IPN, REDIRECT
from adapters import QUERY as ASKED
from adapters import REFUND as REFUNDED
from adapters.contract import (
    Answer,
    MerchantAccount,
    Outcome,
    RefundState,
    Refused,
    RefusedError,
    Reply,
    Verdict,
    VerdictKind,
)
from adapters.providers import viettelmoney
from sandbox import viettelmoney as notifier
from sandbox.provider import Call, Message, Movement, MovementState, OrderRefusedError

VECTOR = json.loads((VECTORS / "others.json").read_text())["viettelpay_v2_sha1"]
ACCOUNT = account_of("viettelmoney")
PAID = Movement(
    sequence=7, amount_vnd=1_250_000, at=NOW, merchant_reference="HP7K2M9QX4TB00"
)  # fmt: skip
RESULT = (
    "billcode",
    "merchant_code",
    "order_id",
    "payment_status",
    "trans_amount",
    "vt_transaction_id",
)


def proof(values: str, algorithm: str = "sha1") -> str:
    """check_sum, in the test's own line."""
    text = (ACCOUNT.secrets["access_code"] + values).encode()
    key = ACCOUNT.secrets["hash_key"].encode()
    return base64.b64encode(hmac.new(key, text, algorithm).digest()).decode()


def posted(fields: dict[str, str], path: str = "") -> Message:
    return Message(
        path=path,
        headers=(("content-type", "application/x-www-form-urlencoded"),),
        body=urlencode(fields).encode(),
    )


def result(signed: tuple[str, ...] = RESULT, **changes: str) -> Message:
    """The result of PAID with changes, signed over the named values."""
    fields = {**notifier.result_of(PAID, merchant_of("viettelmoney")), **changes}
    fields["check_sum"] = proof("".join(fields[name] for name in signed))
    return posted(fields)


def inquiry(**changes: str) -> Answer:
    """An answer to TRANS_INQUIRY about ORDER, signed."""
    fields = {
        "error_code": "00",
        "merchant_code": "HOCPHI",
        "order_id": ORDER.merchant_reference,
        "payment_status": "1",
        "version": "2.0",
        "vt_transaction_id": "22100000007",
    } | changes
    return said({**fields, "check_sum": proof("".join(fields[name] for name in sorted(fields)))})


def refunded(code: str, **changes: str) -> Answer:
    """An answer to REFUND_PAYMENT, signed."""
    fields = {
        "error_code": code,
        "merchant_code": "HOCPHI",
        "order_id": ORDER.merchant_reference,
        "version": "2.0",
    } | changes
    text = "".join(fields[name] for name in ("error_code", "merchant_code", "order_id", "version"))
    return said({**fields, "check_sum": proof(text)})


def said(value: object) -> Answer:
    return Answer(status=200, content_type="application/json", body=json.dumps(value).encode())


def test_it_stands_in_every_registry() -> None:
    for table in (IPN, REDIRECT, ASKED, REFUNDED):
        assert table["viettelmoney"] is viettelmoney


def test_the_published_vector() -> None:
    assert VECTOR["signed_string"] == "ACCESSCODEBILL0001PAYMENTMERCHANTHP20240900012312500002.0"
    account = MerchantAccount(
        account_key="k", secrets={"access_code": "ACCESSCODE", "hash_key": VECTOR["secret"]}
    )
    values = ("BILL0001", "PAYMENT", "MERCHANT", "HP202409000123", "1250000", "2.0")
    assert viettelmoney.check_sum(values, account) == VECTOR["check_sum"]


def test_sha256_is_a_setting_and_nothing_else_is() -> None:
    account = replace(ACCOUNT, settings={**ACCOUNT.settings, "algorithm": "sha256"})
    assert viettelmoney.check_sum(["a"], account) == proof("a", "sha256")
    wrong = replace(ACCOUNT, settings={**ACCOUNT.settings, "algorithm": "md5"})
    with pytest.raises(RefusedError) as caught:
        viettelmoney.check_sum(["a"], wrong)
    assert caught.value.reason is Refused.BUSY


@given(movements)
def test_what_viettel_says_is_read(movement: Movement) -> None:
    notice = notice_of(viettelmoney, notified(notifier, movement))
    outcomes = {"paid": Outcome.PAID, "failed": Outcome.FAILED, "pending": Outcome.PENDING}
    assert notice.outcome is outcomes[movement.state]
    assert notice.amount_vnd == movement.amount_vnd
    assert notice.merchant_reference == movement.merchant_reference
    is_paid = movement.state is MovementState.PAID
    assert notice.transaction_id.endswith(notifier.number_of(movement)) is is_paid


@given(movements, st.sampled_from(notifier.SIGNED), st.integers(0, 99))
def test_signed_bytes_matter(movement: Movement, mark: str, at: int) -> None:
    expect_signed_bytes_to_matter(viettelmoney, notifier, movement, mark, at)


@given(movements, st.sampled_from(notifier.UNSIGNED), st.integers(0, 99))
def test_unsigned_bytes_do_not(movement: Movement, mark: str, at: int) -> None:
    expect_unsigned_bytes_not_to_matter(viettelmoney, notifier, movement, mark, at)


@given(movements.filter(lambda m: m.state is MovementState.PAID), st.data())
def test_no_other_cut_of_the_signed_digits_is_other_money(
    movement: Movement, data: st.DataObject
) -> None:
    """Every way to cut the signed text into the same six values, under the genuine proof."""
    genuine = notifier.result_of(movement, merchant_of("viettelmoney"))
    text = "".join(genuine[name] for name in RESULT)
    cuts = sorted(data.draw(st.integers(0, len(text))) for _ in range(5))
    if data.draw(st.booleans()):  # most cuts are nonsense; these keep all borders but one
        borders = [len("".join(genuine[n] for n in RESULT[:i])) for i in range(1, 6)]
        cuts = [*borders[:4], data.draw(st.integers(borders[3], len(text)))]
    parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    forged = dict(zip(RESULT, parts, strict=True)) | {"check_sum": genuine["check_sum"]}
    with only_refusals():
        notice = notice_of(viettelmoney, posted(forged))
        if notice.outcome is Outcome.PAID:
            assert notice == notice_of(viettelmoney, posted(genuine))


def test_a_bill_that_does_not_say_the_amount_is_for_a_person_to_look_at() -> None:
    notice = notice_of(viettelmoney, result(trans_amount="12500001", vt_transaction_id="2"))
    assert (notice.outcome, notice.unmapped_status) == (Outcome.PENDING, "billcode")


@pytest.mark.parametrize(
    ("status", "outcome", "unmapped"),
    [
        ("1", Outcome.PAID, ""),
        ("0", Outcome.PENDING, ""),
        ("3", Outcome.PENDING, ""),
        ("-1", Outcome.PENDING, ""),
        ("2", Outcome.FAILED, ""),
        ("5", Outcome.FAILED, ""),
        ("01", Outcome.PENDING, "01"),
        ("9", Outcome.PENDING, "9"),
    ],
)
def test_statuses(status: str, outcome: Outcome, unmapped: str) -> None:
    message = result(payment_status=status)
    notice = notice_of(viettelmoney, message)
    assert (notice.outcome, notice.unmapped_status) == (outcome, unmapped)
    assert viettelmoney.read_return(message.body, ACCOUNT) is outcome
    if status != "-1":
        (polled,) = viettelmoney.read_answer(QUERY, inquiry(payment_status=status), ACCOUNT)
        assert (polled.outcome, polled.unmapped_status) == (outcome, unmapped)
        assert polled.fingerprint() == notice.fingerprint()
        assert polled.transaction_id == notice.transaction_id


def test_the_error_code_counts_only_where_it_is_signed() -> None:
    assert notice_of(viettelmoney, result(error_code="16")).outcome is Outcome.PAID
    fields = ("billcode", "cust_msisdn", "error_code", *RESULT[1:])
    account = replace(ACCOUNT, settings={**ACCOUNT.settings, "result_fields": ", ".join(fields)})
    (notice,) = viettelmoney.read(received(result(fields, error_code="16")), account).items  # type: ignore[union-attr]
    assert (notice.outcome, notice.unmapped_status) == (Outcome.PENDING, "1/16")
    (notice,) = viettelmoney.read(received(result(fields)), account).items  # type: ignore[union-attr]
    assert notice.outcome is Outcome.PAID
    weaker = replace(ACCOUNT, settings={**ACCOUNT.settings, "result_fields": "order_id"})
    with pytest.raises(RefusedError) as caught:
        viettelmoney.read(received(result(("order_id",))), weaker)
    assert (caught.value.reason, caught.value.field) == (Refused.BUSY, "result_fields")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"order_id": ""}, Refused.MISSING_FIELD),
        ({"payment_status": ""}, Refused.MISSING_FIELD),
        ({"vt_transaction_id": ""}, Refused.MISSING_FIELD),
        ({"trans_amount": ""}, Refused.MISSING_FIELD),
        ({"trans_amount": "1250000.0"}, Refused.BAD_FIELD),
        ({"trans_amount": "0"}, Refused.BAD_FIELD),
        ({"vt_transaction_id": "a b"}, Refused.BAD_FIELD),
        ({"merchant_code": "ANOTHER"}, Refused.WRONG_MERCHANT),
    ],
)
def test_what_cannot_be_a_notice(change: dict[str, str], reason: Refused) -> None:
    assert refusal_of(viettelmoney, result(**change)).reason is reason


def test_other_methods_paths_and_forms() -> None:
    for change, reason in (
        ({"method": "GET"}, Refused.NOT_FOUND),
        ({"path": "/x"}, Refused.NOT_FOUND),
        ({"headers": {}}, Refused.WRONG_CONTENT_TYPE),
        ({"body": result().body + b"&trans_amount=1"}, Refused.MALFORMED),
        ({"body": b"\xff"}, Refused.MALFORMED),
        ({"body": b"a=" + b"x" * 70_000}, Refused.TOO_LARGE),
    ):
        assert refusal_of(viettelmoney, result(), **change).reason is reason  # type: ignore[arg-type]


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(noise: bytes) -> None:
    for path in ("", "/confirm"):
        refusal_of(viettelmoney, result(), body=noise, path=path)
        error = RefusedError(Refused.MALFORMED)
        assert viettelmoney.refuse(received(result(), body=noise), ACCOUNT, error).status == 200
    answer = Answer(status=200, content_type="", body=noise)
    for read in (
        lambda: viettelmoney.read_answer(QUERY, answer, ACCOUNT),
        lambda: viettelmoney.read_refund(REFUND, answer, ACCOUNT),
    ):
        with pytest.raises(RefusedError):
            read()


@pytest.mark.parametrize("kind", list(VerdictKind))
def test_the_answer_to_a_result_is_signed(kind: VerdictKind) -> None:
    verdict = Verdict(kind=kind, record_id="r")
    reply = viettelmoney.acknowledge(received(result()), ACCOUNT, [verdict])
    code = "01" if kind is VerdictKind.CONFLICT else "00"
    assert (reply.status, json.loads(reply.body)) == (
        200,
        {
            "error_code": code,
            "merchant_code": "HOCPHI",
            "order_id": "HP7K2M9QX4TB00",
            "return_url": "",
            "return_bill_code": "",
            "return_other_info": "",
            "check_sum": proof(code + "HOCPHI" + "HP7K2M9QX4TB00"),
        },
    )


@pytest.mark.parametrize("reason", list(Refused))
def test_refusals_in_viettels_words(reason: Refused) -> None:
    codes = {Refused.BAD_SIGNATURE: "02", Refused.BUSY: "03"}
    statuses = {Refused.BUSY: 503, Refused.TOO_LARGE: 413, Refused.NOT_FOUND: 404}
    for account in (ACCOUNT, None):
        reply = viettelmoney.refuse(received(result()), account, RefusedError(reason))
        assert json.loads(reply.body)["error_code"] == codes.get(reason, "01")
        assert reply.status == statuses.get(reason, 200)


def test_the_check_before_a_payment_is_answered_from_the_bill() -> None:
    server = notifier.ViettelMoney([merchant_of("viettelmoney")])
    decided(server, viettelmoney.checkout(ORDER, ACCOUNT))
    (order,) = server.orders.values()
    asked = notifier.confirmation(order)
    reply = viettelmoney.read(received(asked), ACCOUNT)
    assert isinstance(reply, Reply)
    said_ = json.loads(reply.body)
    bill = "HP7K2M9QX4TB00V1250000"
    assert said_.pop("check_sum") == proof(f"{bill}HOCPHIHP7K2M9QX4TB001250000")
    assert said_ == {
        "billcode": bill,
        "merchant_code": "HOCPHI",
        "order_id": "HP7K2M9QX4TB00",
        "trans_amount": "1250000",
        "error_code": "00",
    }
    for name in ("billcode", "order_id", "check_sum"):
        fields = dict(parse_qsl(asked.body.decode()))
        fields[name] = fields[name][:-1] + ("1" if fields[name][-1] != "1" else "2")
        refusal_of(viettelmoney, posted(fields, "/confirm"))
    strange = {"billcode": "B", "merchant_code": "HOCPHI", "order_id": "O"}
    strange["check_sum"] = proof("BHOCPHIOB")
    assert refusal_of(viettelmoney, posted(strange, "/confirm")).field == "billcode"


def test_the_redirect_says_what_was_ordered() -> None:
    url = urlsplit(viettelmoney.checkout(ORDER, ACCOUNT).url)
    fields = dict(parse_qsl(url.query, strict_parsing=True))
    bill = "HP7K2M9QX4TB00V1250000"
    assert fields == {
        "billcode": bill,
        "cancel_url": ORDER.return_url,
        "command": "PAYMENT",
        "desc": ORDER.description,
        "locale": "Vi",
        "merchant_code": "HOCPHI",
        "order_id": "HP7K2M9QX4TB00",
        "return_url": ORDER.return_url,
        "trans_amount": "1250000",
        "version": "2.0",
        "check_sum": proof(f"{bill}PAYMENTHOCPHIHP7K2M9QX4TB0012500002.0"),
    }
    for change in ({"amount_vnd": 0}, {"merchant_reference": "HP-1"}):
        with pytest.raises(ValueError, match="does not fit"):
            viettelmoney.checkout(replace(ORDER, **change), ACCOUNT)  # type: ignore[arg-type]


@pytest.mark.parametrize("is_paid", [True, False])
def test_pay_push_and_poll_are_one_fact(is_paid: bool) -> None:
    server = notifier.ViettelMoney([merchant_of("viettelmoney")])
    ask = viettelmoney.ask(QUERY, ACCOUNT)
    assert viettelmoney.read_answer(QUERY, at_server(server, ask), ACCOUNT) == ()
    done = decided(server, viettelmoney.checkout(ORDER, ACCOUNT), is_paid=is_paid)
    assert [m.amount_vnd for m in server.movements] == ([ORDER.amount_vnd] if is_paid else [])
    outcome = Outcome.PAID if is_paid else Outcome.FAILED
    back = urlsplit(done.return_url).query.encode()
    assert viettelmoney.read_return(back, ACCOUNT) is outcome
    pushed = notice_of(viettelmoney, notified(notifier, done.movement))
    (polled,) = viettelmoney.read_answer(QUERY, at_server(server, ask), ACCOUNT)
    assert polled.transaction_id == pushed.transaction_id
    assert polled.fingerprint() == pushed.fingerprint()
    assert polled.outcome is outcome


def test_an_unsigned_return_says_nothing() -> None:
    assert viettelmoney.read_return(b"error_code=00&payment_status=1", ACCOUNT) is Outcome.PENDING
    with pytest.raises(RefusedError):
        viettelmoney.read_return(result().body.replace(b"=1250000", b"=1250001"), ACCOUNT)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (said([]), Refused.BUSY),
        (Answer(status=502, content_type="text/html", body=b"<h1>"), Refused.BUSY),
        (said({"payment_status": "1"}), Refused.BAD_SIGNATURE),
        *((inquiry(error_code=c), Refused.BUSY) for c in ("W04", "V04", "S_MAINTAIN", "99", "813")),
        *((inquiry(error_code=c), Refused.BAD_FIELD) for c in ("V01", "M01", "M02", "M03")),
        (inquiry(order_id="ANOTHER"), Refused.BAD_FIELD),
        (inquiry(merchant_code="ANOTHER"), Refused.WRONG_MERCHANT),
        (inquiry(version="2.1"), Refused.BAD_FIELD),
        (inquiry(vt_transaction_id=""), Refused.MISSING_FIELD),
    ],
)
def test_answers_that_prove_nothing(answer: Answer, reason: Refused) -> None:
    with pytest.raises(RefusedError) as caught:
        viettelmoney.read_answer(QUERY, answer, ACCOUNT)
    assert caught.value.reason is reason


def test_paid_with_an_error_is_in_doubt() -> None:
    (notice,) = viettelmoney.read_answer(QUERY, inquiry(error_code="21"), ACCOUNT)
    assert (notice.outcome, notice.unmapped_status) == (Outcome.PENDING, "1/21")


def test_a_refund_is_whole_and_done_once() -> None:
    server = notifier.ViettelMoney([merchant_of("viettelmoney")])
    done = decided(server, viettelmoney.checkout(ORDER, ACCOUNT))
    paid_as = notice_of(viettelmoney, notified(notifier, done.movement)).transaction_id
    order = replace(REFUND, transaction_id=paid_as)
    first = at_server(server, viettelmoney.refund(order, ACCOUNT))
    answer = viettelmoney.read_refund(order, first, ACCOUNT)
    assert (answer.state, answer.code) == (RefundState.DONE, "00")
    assert answer.provider_refund_id == f"R{notifier.number_of(done.movement)}"
    again = at_server(server, viettelmoney.ask_refund(order, ACCOUNT))
    answer = viettelmoney.read_refund_status(order, again, ACCOUNT)
    assert (answer.state, answer.code) == (RefundState.PENDING, "176")
    stranger = replace(order, transaction_id=f"{ORDER.merchant_reference}.5")
    refused = at_server(server, viettelmoney.refund(stranger, ACCOUNT))
    assert viettelmoney.read_refund(stranger, refused, ACCOUNT).state is RefundState.REFUSED
    with pytest.raises(ValueError, match="whole payments only"):
        viettelmoney.refund(replace(order, amount_vnd=1), ACCOUNT)
    with pytest.raises(ValueError, match="no paid transaction"):
        viettelmoney.refund(replace(order, transaction_id="X.1"), ACCOUNT)


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("00", RefundState.DONE),
        *(
            (code, RefundState.REFUSED)
            for code in ("M01", "M05", "218", "KG3", "27", "KG8", "485", "655", "457", "17", "159")
        ),
        *((code, RefundState.PENDING) for code in ("176", "813", "927", "V01", "99", "??")),
    ],
)
def test_refund_codes(code: str, state: RefundState) -> None:
    assert viettelmoney.read_refund(REFUND, refunded(code), ACCOUNT).state is state


def test_a_refund_answer_about_something_else_says_nothing() -> None:
    for answer, reason in (
        (refunded("00", order_id="ANOTHER"), Refused.BAD_FIELD),
        (refunded("00", merchant_code="ANOTHER"), Refused.WRONG_MERCHANT),
        (said({"error_code": "00"}), Refused.BAD_SIGNATURE),
    ):
        with pytest.raises(RefusedError) as caught:
            viettelmoney.read_refund(REFUND, answer, ACCOUNT)
        assert caught.value.reason is reason


def test_the_server_refuses_what_is_not_genuine() -> None:
    server = notifier.ViettelMoney([merchant_of("viettelmoney")])
    query = urlsplit(viettelmoney.checkout(ORDER, ACCOUNT).url).query
    for bad in (query.replace("1250000", "1250001"), query.replace("HOCPHI", "X"), ""):
        with pytest.raises(OrderRefusedError):
            server.open_order(Call(method="GET", path="/pay", query=bad, headers={}, body=b""), NOW)
    ask = viettelmoney.ask(QUERY, ACCOUNT)
    tampered = at_server(server, replace(ask, body=ask.body.replace(b"2.0", b"2.1")))
    assert json.loads(tampered.body)["error_code"] == "V01"
