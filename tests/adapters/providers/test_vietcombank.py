"""Vietcombank: the community's vectors, both forms of signing, every code, and what is not signed."""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.paths import VECTORS

from adapters import IPN, LOOKUP
from adapters.contract import (
    Bill,
    Debt,
    Lookup,
    MerchantAccount,
    Notice,
    Notices,
    Outcome,
    Payee,
    Payer,
    Refused,
    RefusedError,
    Reply,
    Request,
    Verdict,
    VerdictKind,
)
from adapters.providers import vietcombank
from sandbox import vietcombank as bank
from sandbox.provider import Merchant, Message, Movement, Notifier, altered

VECTORS = json.loads((VECTORS / "bank_direct.json").read_text(encoding="utf-8"))["vietcombank"]
SECRET = VECTORS["secret"]
NOW = datetime(2024, 9, 5, 1, 30, tzinfo=UTC)
NEAR = "10.1.2.3"
SETTINGS = {
    "provider_id": "SCHOOL01",
    "service_id": "HocPhi",
    "calls": "collection,advice",
    "networks": "10.1.0.0/16",
}
ACCOUNT = MerchantAccount(
    account_key="k1",
    secrets={"secret": SECRET},
    settings=SETTINGS,
    bank_accounts=("0011000000001",),
)
BY_IDS = replace(ACCOUNT, settings={**SETTINGS, "signs": "ids"})
INQUIRY = VECTORS["inquiry"]["request"]
ADVICE = VECTORS["account_advice"]["request"]
PAYMENT = {
    "context": {
        "channelId": "6014",
        "channelRefNumber": "VCBREF0002",
        "requestDateTime": "2024-09-05 08:20:31",
    },
    "payload": {
        "customerCode": "HS240001",
        "totalPaymentAmount": "1250000",
        "paymentMode": "A",
        "internalTransactionRefNo": "VCBTX0001",
        "fields": [],
        "bills": [{"billId": "1", "amount": "1250000"}],
        "signature": VECTORS["payment"]["md5"],
    },
}
CLIENT = httpx.AsyncClient()
BILLS = (
    Bill(
        reference="BILL0001", amount_vnd=1_250_000, description="Hoc phi", due_on=date(2024, 9, 30)
    ),
    Bill(reference="BILL0002", amount_vnd=80_000, description="An", due_on=date(2024, 10, 5)),
)
DEBT = Debt(
    payer=Payer(name="Nguyễn Văn B"),
    payee=Payee(
        unit_code="TH01",
        unit_name="TRUONG A",
        bank_bin="970436",
        account_number="0011000000001",
        account_holder="TRUONG A",
    ),
    bills=BILLS,
    whole=BILLS[0],
)
RECORDED = Verdict(kind=VerdictKind.RECORDED, record_id="77")


def compact(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def md5(*values: str) -> str:
    return hashlib.md5("|".join((*values, SECRET)).encode()).hexdigest()


def call(path: str, body: object, **more: Any) -> Request:
    return Request(
        method=more.pop("method", "POST"),
        path=path,
        query=b"",
        headers={"content-type": more.pop("content_type", "application/json; charset=utf-8")},
        body=body if isinstance(body, bytes) else compact(body),
        received_at=NOW,
        remote_ip=more.pop("remote_ip", NEAR),
    )


def payment(body: object, **more: Any) -> Request:
    return call("/api/PayLoad/Payment", body, **more)


def advice(body: object, **more: Any) -> Request:
    return call("/account-advice", body, **more)


def inquiry(body: object = INQUIRY, **more: Any) -> Request:
    return call("/api/PayLoad/Inquiry", body, **more)


def changed(message: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return message | {"payload": message["payload"] | fields}


def noticed(request: Request, account: MerchantAccount = ACCOUNT) -> Notice:
    read = vietcombank.read(request, account)
    assert isinstance(read, Notices)
    (notice,) = read.items
    return notice


def refusal(request: Request, account: MerchantAccount = ACCOUNT) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        vietcombank.read(request, account)
    return caught.value


def merchant(**settings: str) -> Merchant:
    return Merchant(
        provider="vietcombank",
        ipn_url="http://school.test/ipn/vietcombank/k1",
        account_number="0011000000001",
        settings={**SETTINGS, **settings},
        secrets={"secret": SECRET},
    )


def account_of(**settings: str) -> MerchantAccount:
    return replace(ACCOUNT, settings={**SETTINGS, **settings})


def arrived(message: Message) -> Request:
    return call(message.path, message.body)


def code(reply: Reply) -> str:
    return str(json.loads(reply.body)["context"]["errorCode"])


def test_it_stands_in_both_registries() -> None:
    assert IPN["vietcombank"] is vietcombank
    assert LOOKUP["vietcombank"] is vietcombank


def test_the_strings_of_the_vectors() -> None:
    for notified in (VECTORS["inquiry"], VECTORS["payment"]):
        *values, secret = notified["signed_string"].split("|")
        assert secret == SECRET
        assert vietcombank.sign(ACCOUNT, *values) == notified["md5"]


def test_inquiry_of_the_vector() -> None:
    assert vietcombank.read(inquiry(), ACCOUNT) == Lookup("HS240001")


def test_payment_of_the_vector() -> None:
    assert noticed(payment(PAYMENT, remote_ip="203.0.113.9")) == Notice(
        transaction_id="VCBTX0001",
        outcome=Outcome.PAID,
        amount_vnd=1_250_000,
        paid_at=datetime(2024, 9, 5, 1, 20, 31, tzinfo=UTC),
        merchant_reference="1",
    )


def test_advice_of_the_vector_and_its_reply_word_for_word() -> None:
    request = advice(ADVICE)
    assert noticed(request) == Notice(
        transaction_id="advice.ADV0001",
        outcome=Outcome.PAID,
        amount_vnd=1_250_000,
        paid_at=datetime(2024, 9, 5, 1, 20, 31, tzinfo=UTC),
        content=ADVICE["payload"]["remark"],
        payee_account="0011000000001",
        is_provisional=True,
    )
    for kind in VerdictKind:
        for duplicate in (False, True):
            verdict = Verdict(kind=kind, record_id="77", duplicate=duplicate)
            reply = vietcombank.acknowledge(request, ACCOUNT, [verdict])
            assert reply.status == 200
            if kind is VerdictKind.CONFLICT:
                assert code(reply) == "21"
            else:
                assert reply.body == compact(VECTORS["account_advice"]["response"])


def test_an_advice_counts_only_from_the_banks_network() -> None:
    for address in ("203.0.113.9", "", "10.2.0.1"):
        error = refusal(advice(ADVICE, remote_ip=address))
        assert error.reason is Refused.FOREIGN_NETWORK
    without = replace(ACCOUNT, settings={"calls": "advice"})
    assert refusal(advice(ADVICE), without).reason is Refused.FOREIGN_NETWORK
    reply = vietcombank.refuse(advice(ADVICE), ACCOUNT, RefusedError(Refused.FOREIGN_NETWORK))
    assert reply.status == 403
    assert "signature" not in json.loads(reply.body)


def test_the_account_of_an_advice_is_never_taken_for_our_own() -> None:
    notice = noticed(advice(changed(ADVICE, account="9999888877")))
    assert (notice.payee_account, notice.is_provisional) == ("9999888877", True)


def test_a_debit_is_outgoing() -> None:
    notice = noticed(advice(changed(ADVICE, dorc="D")))
    assert (notice.outcome, notice.is_provisional) == (Outcome.OUTGOING, True)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dorc", "X"),
        ("dorc", ["C"]),
        ("currency", "USD"),
        ("amount", "0"),
        ("amount", "-5"),
        ("amount", "12.5"),
        ("amount", "1000000000001"),
        ("amount", True),
        ("account", {}),
        ("remark", 5),
    ],
)
def test_a_bad_field_of_an_advice(field: str, value: object) -> None:
    request = advice(changed(ADVICE, **{field: value}))
    error = refusal(request)
    assert (error.reason, error.field) == (Refused.BAD_FIELD, field)
    assert code(vietcombank.refuse(request, ACCOUNT, error)) == "21"


@pytest.mark.parametrize("field", ["account", "amount", "dorc"])
def test_what_an_advice_must_have(field: str) -> None:
    payload = {name: value for name, value in ADVICE["payload"].items() if name != field}
    error = refusal(advice(ADVICE | {"payload": payload}))
    assert (error.reason, error.field) == (Refused.MISSING_FIELD, field)


@pytest.mark.parametrize("name", ["context", "payload", "signature"])
def test_the_parts_of_a_message(name: str) -> None:
    request = advice({key: value for key, value in ADVICE.items() if key != name})
    error = refusal(request)
    assert (error.reason, error.field) == (Refused.MISSING_FIELD, name)
    assert code(vietcombank.refuse(request, ACCOUNT, error)) == "400"
    wrong = refusal(advice(ADVICE | {name: ["x"]}))
    assert (wrong.reason, wrong.field) == (Refused.BAD_FIELD, name)


def test_a_separator_inside_a_value_is_refused() -> None:
    context = ADVICE["context"] | {"channelRefNumber": "ADV|1"}
    signed = ADVICE | {"context": context, "signature": md5("VCB", "ADV|1")}
    assert refusal(advice(signed)).reason is Refused.MALFORMED


def test_our_own_signature_signs_no_request() -> None:
    """The reply's string is the request's with one value more: it must not come back as a request."""
    notified = json.loads(vietcombank.acknowledge(advice(ADVICE), ACCOUNT, [RECORDED]).body)
    context = ADVICE["context"] | {"channelRefNumber": "ADV0001|77"}
    forged = ADVICE | {"context": context, "signature": notified["signature"]}
    assert refusal(advice(forged)).reason is Refused.MALFORMED
    for reason in Refused:
        reply = vietcombank.refuse(advice(forged), ACCOUNT, RefusedError(reason))
        assert b"signature" not in reply.body


@pytest.mark.parametrize(
    ("calls", "taken"),
    [("", "collection"), ("collection", "collection"), ("advice", "advice")],
)
def test_an_account_takes_one_kind_of_call(calls: str, taken: str) -> None:
    account = account_of(calls=calls)
    requests = {"collection": payment(PAYMENT), "advice": advice(ADVICE)}
    assert noticed(requests.pop(taken), account)
    (other,) = requests.values()
    assert refusal(other, account).reason is Refused.NOT_FOUND


@pytest.mark.parametrize("path", ["", "/", "/api/PayLoad", "/payment", "/Payment/", "/Paymentx"])
def test_doors_that_are_not_there(path: str) -> None:
    error = refusal(call(path, PAYMENT))
    assert error.reason is Refused.NOT_FOUND
    assert vietcombank.refuse(call(path, PAYMENT), None, error).status == 404
    assert refusal(payment(PAYMENT, method="GET")).reason is Refused.NOT_FOUND


def test_only_bounded_json() -> None:
    for request, reason, status in (
        (payment(PAYMENT, content_type="text/plain"), Refused.WRONG_CONTENT_TYPE, 400),
        (payment(b" " * 70_000), Refused.TOO_LARGE, 413),
        (payment(b"{"), Refused.MALFORMED, 400),
    ):
        error = refusal(request)
        assert error.reason is reason
        reply = vietcombank.refuse(request, ACCOUNT, error)
        assert (reply.status, code(reply)) == (status, "400")


@pytest.mark.parametrize("name", ["secret", "provider_id", "service_id", "hash", "signs", "calls"])
def test_an_incomplete_account_is_our_fault(name: str) -> None:
    account = replace(ACCOUNT, secrets={}) if name == "secret" else account_of(**{name: " "})
    if name in ("provider_id", "service_id"):
        account = account_of(**{name: ""})
    error = refusal(payment(PAYMENT), account)
    assert (error.reason, error.field) == (Refused.BUSY, name)
    assert code(vietcombank.refuse(payment(PAYMENT), account, error)) == "22"


def test_fields_and_bills_are_signed_as_they_came_or_as_printed_without_spaces() -> None:
    spaced = compact(PAYMENT).replace(b'"bills":[{', b'"bills": [ {')
    assert noticed(payment(spaced)).merchant_reference == "1"
    raw = b'[ {"billId":"1", "amount":"1250000"} ]'
    signature = md5(
        "6014", "VCBREF0002", "SCHOOL01", "HocPhi", "HS240001", "1250000", "A", "VCBTX0001",
        "[]", raw.decode(),
    )  # fmt: skip
    body = compact(changed(PAYMENT, signature=signature))
    body = body.replace(compact(PAYMENT["payload"]["bills"]), raw)
    assert noticed(payment(body)).amount_vnd == 1_250_000
    other = body.replace(b'"billId":"1"', b'"billId":"2"')
    assert refusal(payment(other)).reason is Refused.BAD_SIGNATURE


def test_unicode_and_numbers_are_printed_as_they_came() -> None:
    raw = '[{"a":1.50,"b":"Đỗ \\u00c1nh \\" | {]"}]'
    signature = md5("6014", "VCBREF0001", "SCHOOL01", "HocPhi", "HS240001", raw)
    body = compact(changed(INQUIRY, signature=signature)).replace(
        b'"fields":[]', b'"fields" : ' + raw.encode()
    )
    assert vietcombank.read(inquiry(body), ACCOUNT) == Lookup("HS240001")


@pytest.mark.parametrize(
    ("bills", "reference", "content"),
    [
        ([], "HS240001", ""),
        ([{"billId": "B1", "amount": "5"}], "B1", ""),
        ([{"billId": "B1", "amount": 5}, {"billId": "B2", "amount": "6"}], "", "B1 B2"),
    ],
)
def test_one_payment_is_one_notice_whatever_bills_it_names(
    bills: list[dict[str, object]], reference: str, content: str
) -> None:
    signature = md5(
        "6014", "VCBREF0002", "SCHOOL01", "HocPhi", "HS240001", "1250000", "A", "VCBTX0001",
        "[]", compact(bills).decode(),
    )  # fmt: skip
    request = payment(changed(PAYMENT, bills=bills, signature=signature))
    notice = noticed(request)
    assert (notice.merchant_reference, notice.content) == (reference, content)
    assert (notice.transaction_id, notice.amount_vnd) == ("VCBTX0001", 1_250_000)
    notified = json.loads(vietcombank.acknowledge(request, ACCOUNT, [RECORDED]).body)
    assert [bill["billId"] for bill in notified["payload"]["bills"]] == [b["billId"] for b in bills]


def test_the_reply_to_a_payment_is_signed() -> None:
    request = payment(PAYMENT)
    reply = vietcombank.acknowledge(request, ACCOUNT, [RECORDED])
    again = Verdict(kind=VerdictKind.RECORDED, record_id="77", duplicate=True)
    assert vietcombank.acknowledge(request, ACCOUNT, [again]) == reply
    notified = json.loads(reply.body)
    assert (notified["context"]["status"], notified["context"]["errorCode"]) == ("Success", 0)
    bills = '[{"billId":"1","amount":"1250000","billErrorCode":0}]'
    assert notified["payload"]["signature"] == md5(
        "6014", "VCBREF0002", "Success", "0", "HS240001", "1250000", "A", "VCBTX0001", "[]", bills
    )


def test_the_answer_to_an_inquiry_is_signed() -> None:
    notified = json.loads(vietcombank.answer_lookup(inquiry(), ACCOUNT, DEBT).body)
    assert notified["context"] == INQUIRY["context"] | {"status": "Success", "errorCode": 0}
    payload = notified["payload"]
    assert payload["customerName"] == "NGUYEN VAN B"
    bills = [
        {"billId": "BILL0001", "amount": "1250000", "billDate": "", "billDueDate": "2024-09-30"},
        {"billId": "BILL0002", "amount": "80000", "billDate": "", "billDueDate": "2024-10-05"},
    ]
    assert payload["bills"] == bills
    assert payload["signature"] == md5(
        "6014", "VCBREF0001", "Success", "0", "", "HS240001", "NGUYEN VAN B", "", "",
        compact(bills).decode(),
    )  # fmt: skip


def test_nobody_and_nothing_owed() -> None:
    nothing = replace(DEBT, bills=(), whole=None)
    for debt, expected in ((None, "10"), (nothing, "1")):
        reply = vietcombank.answer_lookup(inquiry(), ACCOUNT, debt)
        assert (reply.status, code(reply)) == (200, expected)
        assert json.loads(reply.body)["context"]["status"] == "Failure"
    other = account_of(code_overrides="10=17")
    assert code(vietcombank.answer_lookup(inquiry(), other, None)) == "17"


@pytest.mark.parametrize("kind", list(VerdictKind))
def test_what_was_recorded_is_0_unless_notified_by_code(kind: VerdictKind) -> None:
    verdict = Verdict(kind=kind, record_id="77")
    reply = vietcombank.acknowledge(payment(PAYMENT), ACCOUNT, [verdict])
    assert code(reply) == ("21" if kind is VerdictKind.CONFLICT else "0")
    by_code = vietcombank.acknowledge(payment(PAYMENT), account_of(replies="by_code"), [verdict])
    expected = {
        VerdictKind.CONFLICT: "21",
        VerdictKind.AMOUNT_DIFFERS: "21",
        VerdictKind.ALREADY_PAID: "1",
        VerdictKind.UNKNOWN_REFERENCE: "10",
    }
    assert code(by_code) == expected.get(kind, "0")
    said = account_of(replies="by_code", code_overrides="10=0,21=0")
    assert code(vietcombank.acknowledge(payment(PAYMENT), said, [verdict])) == (
        "21" if kind is VerdictKind.CONFLICT else "1" if kind is VerdictKind.ALREADY_PAID else "0"
    )
    assert code(vietcombank.acknowledge(payment(PAYMENT), ACCOUNT, [])) == "22"


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (Refused.BAD_SIGNATURE, "18"),
        (Refused.BAD_FIELD, "21"),
        (Refused.WRONG_MERCHANT, "21"),
        (Refused.MISSING_FIELD, "400"),
        (Refused.BUSY, "22"),
    ],
)
def test_refusals_repeat_the_ids_and_say_why(reason: Refused, expected: str) -> None:
    for account in (ACCOUNT, BY_IDS, None):
        reply = vietcombank.refuse(payment(PAYMENT), account, RefusedError(reason, "x"))
        notified = json.loads(reply.body)
        assert (reply.status, code(reply)) == (200, expected)
        assert notified["context"]["channelRefNumber"] == "VCBREF0002"
        assert notified["context"]["status"].lower() == "failure"
        assert "signature" not in notified


def test_by_ids_nothing_else_is_signed_so_the_network_vouches() -> None:
    payload = PAYMENT["payload"] | {"providerId": "SCHOOL01", "serviceId": "HocPhi"}
    body = {
        "context": PAYMENT["context"],
        "payload": payload,
        "signature": md5("6014", "VCBREF0002"),
    }
    notice = noticed(payment(body), BY_IDS)
    assert notice == replace(noticed(payment(PAYMENT)), is_provisional=True)
    stranger = refusal(payment(body, remote_ip="203.0.113.9"), BY_IDS)
    assert stranger.reason is Refused.FOREIGN_NETWORK
    other = refusal(payment(changed(body, providerId="OTHER")), BY_IDS)
    assert (other.reason, other.field) == (Refused.WRONG_MERCHANT, "providerId")
    # An account whose contract signs the whole message never takes the weaker form.
    weaker = changed(body, signature=body["signature"])
    assert refusal(payment(weaker)).reason is Refused.BAD_SIGNATURE
    reply = vietcombank.acknowledge(payment(body), BY_IDS, [RECORDED])
    notified = json.loads(reply.body)
    assert notified["context"]["status"] == "SUCCESS"
    assert notified["signature"] == md5("6014", "VCBREF0002", "77")
    assert notified["payload"]["bills"] == [
        {"amount": "1250000", "billErrCode": "0", "billErrDesc": "", "billId": "1"}
    ]


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_an_inquiry_by_ids_is_asked_and_answered(algorithm: str) -> None:
    account = account_of(signs="ids", hash=algorithm)
    message = bank.question(merchant(signs="ids", hash=algorithm), "HS240001")
    request = arrived(message)
    assert vietcombank.read(request, account) == Lookup("HS240001")
    notified = json.loads(vietcombank.answer_lookup(request, account, DEBT).body)
    context = notified["context"]
    signed = f"6014|VCBREF0001|{context['responseMsgId']}"
    assert notified["signature"] == bank.signature(merchant(hash=algorithm), signed)
    assert [bill["billId"] for bill in notified["payload"]["bills"]] == ["BILL0001", "BILL0002"]
    name = notified["payload"]["bills"][0]["addnlFields"]
    assert name == [{"fieldId": "CustName", "fieldValue": "NGUYEN VAN B"}]
    nobody = json.loads(vietcombank.answer_lookup(request, account, None).body)
    assert (nobody["context"]["errorCode"], nobody["context"]["status"]) == (10, "FAILURE")
    assert nobody["signature"]


@pytest.mark.parametrize(
    "when",
    ["05/09/2024 08:20:31", "05-09-2024 08:20:31", "2024-09-05 08:20:31"],
)
def test_the_banks_spellings_of_time(when: str) -> None:
    notified = datetime(2024, 9, 5, 1, 20, 31, tzinfo=UTC)
    assert noticed(advice(changed(ADVICE, transactionTime=when))).paid_at == notified


@pytest.mark.parametrize(
    "when", [None, "soon", "05/09/2020 08:20:31", "06/09/2024 08:20:31", ["x"]]
)
def test_a_time_that_nobody_signed_is_believed_only_near_its_arrival(when: object) -> None:
    assert noticed(advice(changed(ADVICE, transactionTime=when))).paid_at == NOW


MOVEMENTS = st.builds(
    Movement,
    sequence=st.integers(1, 10**12),
    amount_vnd=st.integers(1, 10**12),
    at=st.integers(0, 3 * 86_400).map(lambda seconds: NOW - timedelta(seconds=seconds)),
    merchant_reference=st.from_regex(r"HP[0-9A-HJKMNP-TV-Z]{10}", fullmatch=True),
    content=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=80),
    account_number=st.from_regex(r"[0-9]{6,15}", fullmatch=True),
)
ALGORITHMS = st.sampled_from(["md5", "sha256"])


@given(MOVEMENTS, ALGORITHMS)
async def test_what_the_bank_notifies_is_what_is_read(movement: Movement, algorithm: str) -> None:
    there, account = merchant(hash=algorithm), account_of(hash=algorithm)
    notified = noticed(arrived(await bank.message(CLIENT, movement, there)), account)
    assert notified == Notice(
        transaction_id=f"VCBTX{movement.sequence}",
        outcome=Outcome.PAID,
        amount_vnd=movement.amount_vnd,
        paid_at=movement.at,
        merchant_reference=movement.merchant_reference,
    )
    notified = noticed(arrived(await bank.ADVICE.message(CLIENT, movement, there)), account)
    assert notified == Notice(
        transaction_id=f"advice.ADV{movement.sequence}",
        outcome=Outcome.PAID,
        amount_vnd=movement.amount_vnd,
        paid_at=movement.at,
        content=movement.content,
        payee_account=movement.account_number,
        is_provisional=True,
    )


MARKS: list[tuple[Notifier, str]] = [(bank.ADVICE, mark) for mark in bank.ADVICE.SIGNED]
MARKS += [(bank, mark) for mark in bank.SIGNED]


@given(MOVEMENTS, st.sampled_from(MARKS), st.integers(0, 60))
async def test_any_signed_character_changed_is_refused(
    movement: Movement, notified: tuple[Notifier, str], at: int
) -> None:
    notifier, mark = notified
    message = await notifier.message(CLIENT, movement, merchant())
    error = refusal(arrived(altered(message, mark, at)))
    assert error.reason is Refused.BAD_SIGNATURE


@given(MOVEMENTS, st.integers(0, 60))
async def test_what_is_not_signed_in_a_payment_changes_nothing_about_the_money(
    movement: Movement, at: int
) -> None:
    message = await bank.message(CLIENT, movement, merchant())
    genuine = noticed(arrived(message))
    for mark in bank.UNSIGNED:
        notice = noticed(arrived(altered(message, mark, at)))
        assert notice.fingerprint() == genuine.fingerprint()
        assert notice.transaction_id == genuine.transaction_id


@given(MOVEMENTS.filter(lambda movement: movement.content.isalnum()), st.integers(0, 60))
async def test_what_is_not_signed_in_an_advice_is_never_more_than_provisional(
    movement: Movement, at: int
) -> None:
    message = await bank.ADVICE.message(CLIENT, movement, merchant())
    for mark in bank.ADVICE.UNSIGNED:
        with contextlib.suppress(RefusedError):
            notice = noticed(arrived(altered(message, mark, at)))
            assert notice.is_provisional
            assert notice.transaction_id == f"advice.ADV{movement.sequence}"
        stranger = replace(arrived(altered(message, mark, at)), remote_ip="203.0.113.9")
        assert refusal(stranger).reason in (Refused.FOREIGN_NETWORK, Refused.MALFORMED)


async def test_what_the_bank_forgets_is_missed() -> None:
    movement = Movement(
        sequence=5, amount_vnd=1000, at=NOW, merchant_reference="HPX", account_number="001"
    )
    for notifier, name in (
        (bank, "totalPaymentAmount"),
        (bank, "internalTransactionRefNo"),
        (bank, "paymentMode"),
        (bank, "customerCode"),
        (bank.ADVICE, "amount"),
        (bank.ADVICE, "dorc"),
    ):
        message = await notifier.message(CLIENT, movement, merchant(), leave_out=name)
        error = refusal(arrived(message))
        assert (error.reason, error.field) == (Refused.MISSING_FIELD, name)


async def test_a_debit_of_the_banks_books_is_outgoing() -> None:
    movement = Movement(sequence=5, amount_vnd=-1000, at=NOW, account_number="001")
    notice = noticed(arrived(await bank.ADVICE.message(CLIENT, movement, merchant())))
    assert (notice.outcome, notice.amount_vnd) == (Outcome.OUTGOING, 1000)


async def test_the_counter_asks_reads_the_answer_and_stops_on_0() -> None:
    def school(request: httpx.Request) -> httpx.Response:
        asked = call(request.url.path.removeprefix("/ipn/vietcombank/k1"), request.content)
        assert vietcombank.read(asked, ACCOUNT) == Lookup("HS240001")
        reply = vietcombank.answer_lookup(asked, ACCOUNT, DEBT)
        return httpx.Response(reply.status, content=reply.body)

    async with httpx.AsyncClient(transport=httpx.MockTransport(school)) as client:
        notified = await bank.ask(client, merchant(), "HS240001")
    assert [bill["amount"] for bill in notified["payload"]["bills"]] == ["1250000", "80000"]
    done = vietcombank.acknowledge(advice(ADVICE), ACCOUNT, [RECORDED])
    assert bank.ADVICE.is_final(httpx.Response(200, content=done.body))
    failed = vietcombank.acknowledge(payment(PAYMENT), ACCOUNT, [])
    assert not bank.is_final(httpx.Response(200, content=failed.body))
    assert not bank.is_final(httpx.Response(502, content=b"<html>"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
PATHS = ("/api/PayLoad/Inquiry", "/api/PayLoad/Payment", "/account-advice")


@given(
    st.sampled_from(PATHS),
    st.dictionaries(st.sampled_from(sorted({*PAYMENT["payload"], *ADVICE["payload"]})), JSON),
    st.dictionaries(st.sampled_from(["channelId", "channelRefNumber", "requestDateTime"]), JSON),
    st.booleans(),
)
def test_any_json_is_a_sound_message_or_refused(
    path: str, payload: dict[str, Any], context: dict[str, Any], by_ids: bool
) -> None:
    """Signed by ids it goes all the way; signed whole it stops at the signature or before."""
    ids = {**PAYMENT["context"], **context}
    body = {
        "context": ids,
        "payload": {**PAYMENT["payload"], **ADVICE["payload"], "serviceId": "HocPhi", **payload},
    }
    with contextlib.suppress(UnicodeEncodeError):
        body["signature"] = md5(str(ids["channelId"]), str(ids["channelRefNumber"]))
    account = BY_IDS if by_ids else ACCOUNT
    request = call(path, json.dumps(body).encode())
    with contextlib.suppress(RefusedError):
        read = vietcombank.read(request, account)
        if isinstance(read, Lookup):
            assert code(vietcombank.answer_lookup(request, account, DEBT)) == "0"
        else:
            assert 1 <= read.items[0].amount_vnd <= 10**12
            assert len(read.items[0].fingerprint()) == 32
            assert code(vietcombank.acknowledge(request, account, [RECORDED])) == "0"
    assert code(vietcombank.refuse(request, account, RefusedError(Refused.BUSY))) == "22"


@given(st.sampled_from(PATHS), st.binary(max_size=300))
def test_any_bytes_only_ever_raise_a_refusal(path: str, body: bytes) -> None:
    for account in (ACCOUNT, BY_IDS):
        with contextlib.suppress(RefusedError):
            vietcombank.read(call(path, body), account)
        reply = vietcombank.refuse(call(path, body), account, RefusedError(Refused.MALFORMED))
        assert code(reply) == "400"


@pytest.mark.parametrize("depth", [50, 900, 990, 3_000, 20_000])
def test_deep_nesting_is_only_a_refusal(depth: int) -> None:
    deep = b"[" * depth + b"]" * depth
    body = compact(PAYMENT).replace(b'"fields":[]', b'"fields":' + deep)
    assert refusal(payment(body)).reason in (Refused.BAD_SIGNATURE, Refused.MALFORMED)
