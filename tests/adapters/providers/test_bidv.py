"""BIDV's getbill and paybill: the public vectors in every spelling, every code, and what is not signed."""

from __future__ import annotations

import contextlib
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
from adapters.providers import bidv, pullbill
from sandbox import bidv as bank
from sandbox import pullbill as counter
from sandbox.provider import Merchant, Message, Movement, altered

VECTORS = json.loads((VECTORS / "bank_direct.json").read_text(encoding="utf-8"))["bidv"]
NOW = datetime(2024, 9, 5, 1, 30, tzinfo=UTC)
PIPE = MerchantAccount(
    account_key="k1", secrets={"secret": VECTORS["secret"]}, settings={"service_id": "347002"}
)
PAYBILL = VECTORS["paybill_request"]
GETBILL = VECTORS["getbill_request"]
TABLE_A = VECTORS["result_codes"]["A (VietQR.VN)"]
CLIENT = httpx.AsyncClient()
BILLS = (
    Bill(
        reference="BILL0001", amount_vnd=1_250_000, description="Hoc phi", due_on=date(2024, 9, 30)
    ),
    Bill(reference="BILL0002", amount_vnd=80_000, description="An", due_on=date(2024, 10, 5)),
)
WHOLE = replace(BILLS[0], reference="PUPIL001", amount_vnd=1_330_000)
DEBT = Debt(
    payer=Payer(name="Nguyen Van B"),
    payee=Payee(
        unit_code="TH01",
        unit_name="TRUONG A",
        bank_bin="970418",
        account_number="0011",
        account_holder="TRUONG A",
    ),
    bills=BILLS,
    whole=WHOLE,
)


def with_settings(**settings: str) -> MerchantAccount:
    return replace(PIPE, settings={**PIPE.settings, **settings})


def call(path: str, body: dict[str, Any] | bytes, **more: Any) -> Request:
    return Request(
        method=more.pop("method", "POST"),
        path=path,
        query=b"",
        headers={"content-type": "application/json", **more.pop("headers", {})},
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        received_at=NOW,
        remote_ip=more.pop("remote_ip", ""),
    )


def paid(body: dict[str, Any] | bytes, account: MerchantAccount = PIPE, **more: Any) -> Notice:
    read = bidv.read(call("/paybill", body, **more), account)
    assert isinstance(read, Notices)
    (notice,) = read.items
    return notice


def refusal(
    path: str, body: dict[str, Any] | bytes, account: MerchantAccount = PIPE, **more: Any
) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        bidv.read(call(path, body, **more), account)
    return caught.value


def merchant(**settings: str) -> Merchant:
    return Merchant(
        provider="bidv",
        ipn_url="http://school.test/ipn/bidv/k1",
        account_number="0011",
        settings={"service_id": "347002", **settings},
        secrets={"secret": VECTORS["secret"]},
    )


def arrived(message: Message, *, remote_ip: str = "") -> Request:
    return Request(
        method=message.method,
        path=message.path,
        query=b"",
        headers=dict(message.headers),
        body=message.body,
        received_at=NOW,
        remote_ip=remote_ip,
    )


def code(reply: Reply) -> str:
    notified = json.loads(reply.body)["result_code"]
    assert isinstance(notified, str)
    return notified


def test_it_stands_in_both_registries() -> None:
    assert IPN["bidv"] is bidv
    assert LOOKUP["bidv"] is bidv
    assert set(pullbill.TABLES) == {"A", "B"}


@pytest.mark.parametrize(
    ("variant", "spelling", "name", "separator", "algorithm"),
    [
        ("variant_A_no_separator", "getbill", "md5", "", "md5"),
        ("variant_A_no_separator", "paybill", "md5", "", "md5"),
        (
            "variant_A_no_separator",
            "paybill",
            "hmac_sha256_base64",
            "",
            "hmac_sha256_base64",
        ),
        ("variant_B_pipe", "getbill", "md5", "|", "md5"),
        ("variant_B_pipe", "paybill", "md5", "|", "md5"),
    ],
)
def test_every_checksum_of_the_vectors(
    variant: str, spelling: str, name: str, separator: str, algorithm: str
) -> None:
    account = with_settings(separator=separator, algorithm=algorithm, lengths="6,8")
    body = GETBILL if spelling == "getbill" else PAYBILL
    body = body | {"checksum": VECTORS[variant][spelling][name]}
    if spelling == "getbill":
        assert bidv.read(call("/getbill", body), account) == Lookup("HS240001")
    else:
        assert paid(body, account).amount_vnd == 1_250_000


def test_paybill_of_the_vector() -> None:
    assert paid(PAYBILL) == Notice(
        transaction_id="TR0001",
        outcome=Outcome.PAID,
        amount_vnd=1_250_000,
        paid_at=datetime(2024, 9, 5, 1, 20, 31, tzinfo=UTC),
        merchant_reference="BILL0001",
    )


def test_getbill_of_the_vector_is_answered_as_the_vector_says() -> None:
    request = call("/getbill", GETBILL)
    assert bidv.read(request, PIPE) == Lookup("HS240001")
    debt = replace(DEBT, bills=BILLS[:1], whole=BILLS[0])
    reply = bidv.answer_lookup(request, PIPE, debt)
    assert reply.status == 200
    assert json.loads(reply.body) == VECTORS["getbill_response_A"]
    one_sum = bidv.answer_lookup(request, with_settings(shape="B"), debt)
    name = VECTORS["getbill_response_B"]["data"]["customer_name"]
    notified = json.loads(one_sum.body)
    notified["data"]["customer_name"] = name
    assert notified == VECTORS["getbill_response_B"]


def test_several_bills_are_all_notified_or_their_sum() -> None:
    request = call("/getbill", GETBILL)
    notified = json.loads(bidv.answer_lookup(request, PIPE, DEBT).body)
    assert notified["data"] == [
        {"type": 0, "amount": 1_250_000, "bill_id": "BILL0001"},
        {"type": 0, "amount": 80_000, "bill_id": "BILL0002"},
    ]
    notified = json.loads(bidv.answer_lookup(request, with_settings(shape="B"), DEBT).body)
    assert notified["data"]["matchAmount"] == 1_330_000


@pytest.mark.parametrize(
    ("name", "notified"),
    [
        ("N. V. B***", "N. V. B***"),
        ("Đỗ Ánh Nguyệt", "DO ANH NGUYET"),
        ("Nguye\u0302\u0303n Ba\u0309o", "NGUYEN BAO"),
        ("x" * 60, "X" * 40),
        ("李 Anh\n\x00", "ANH"),
        ("", ""),
    ],
)
def test_a_name_is_forty_plain_capitals(name: str, notified: str) -> None:
    reply = bidv.answer_lookup(
        call("/getbill", GETBILL), PIPE, replace(DEBT, payer=Payer(name=name))
    )
    assert json.loads(reply.body)["customer_name"] == notified


def test_nobody_and_nothing_owed() -> None:
    request = call("/getbill", GETBILL)
    nobody = bidv.answer_lookup(request, PIPE, None)
    assert (nobody.status, code(nobody)) == (400, "011")
    nothing = bidv.answer_lookup(request, PIPE, replace(DEBT, bills=(), whole=None))
    assert (nothing.status, code(nothing)) == (200, "012")


@pytest.mark.parametrize("kind", list(VerdictKind))
@pytest.mark.parametrize("duplicate", [False, True])
def test_whatever_was_recorded_is_a_success(kind: VerdictKind, duplicate: bool) -> None:
    verdict = Verdict(kind=kind, record_id="7", duplicate=duplicate)
    reply = bidv.acknowledge(call("/paybill", PAYBILL), PIPE, [verdict])
    if kind is VerdictKind.CONFLICT:
        assert (reply.status, code(reply)) == (400, "022")
    else:
        assert (reply.status, json.loads(reply.body)) == (200, VECTORS["paybill_response"])


@pytest.mark.parametrize(
    ("kind", "duplicate", "status", "expected"),
    [
        (VerdictKind.RECORDED, False, 200, "000"),
        (VerdictKind.RECORDED, True, 200, "023"),
        (VerdictKind.AMOUNT_DIFFERS, False, 400, "022"),
        (VerdictKind.ALREADY_PAID, False, 200, "023"),
        (VerdictKind.UNKNOWN_REFERENCE, True, 400, "021"),
        (VerdictKind.CONFLICT, False, 400, "022"),
    ],
)
def test_by_code_the_table_is_notified(
    kind: VerdictKind, duplicate: bool, status: int, expected: str
) -> None:
    verdict = Verdict(kind=kind, record_id="7", duplicate=duplicate)
    reply = bidv.acknowledge(call("/paybill", PAYBILL), with_settings(replies="by_code"), [verdict])
    assert (reply.status, code(reply)) == (status, expected)


def test_no_verdict_is_a_system_error() -> None:
    assert code(bidv.acknowledge(call("/paybill", PAYBILL), PIPE, [])) == "031"


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (Refused.MISSING_FIELD, "001"),
        (Refused.BAD_FIELD, "001"),
        (Refused.MALFORMED, "001"),
        (Refused.WRONG_CONTENT_TYPE, "001"),
        (Refused.UNAUTHENTICATED, "003"),
        (Refused.FOREIGN_NETWORK, "003"),
        (Refused.BAD_SIGNATURE, "004"),
        (Refused.WRONG_MERCHANT, "006"),
        (Refused.NOT_FOUND, "006"),
        (Refused.STALE, "031"),
        (Refused.BUSY, "031"),
    ],
)
def test_refusals(reason: Refused, expected: str) -> None:
    for account in (PIPE, None, with_settings(codes="?")):
        reply = bidv.refuse(call("/paybill", b""), account, RefusedError(reason, "amount"))
        assert (reply.status, code(reply)) == (400, expected)
        assert expected in TABLE_A
    quiet = bidv.refuse(
        call("/paybill", b""), with_settings(error_status="200"), RefusedError(reason)
    )
    assert quiet.status == 200


def test_too_large_is_413() -> None:
    error = refusal("/paybill", b" " * 70_000)
    assert error.reason is Refused.TOO_LARGE
    assert bidv.refuse(call("/paybill", b""), PIPE, error).status == 413


def test_codes_may_be_said_otherwise_but_a_refusal_never_as_a_success() -> None:
    account = with_settings(replies="by_code", code_overrides="021=000, 022=999,004=000")
    unknown = Verdict(kind=VerdictKind.UNKNOWN_REFERENCE, record_id="7")
    differs = Verdict(kind=VerdictKind.AMOUNT_DIFFERS, record_id="7")
    request = call("/paybill", PAYBILL)
    notified = bidv.acknowledge(request, account, [unknown])
    assert (notified.status, json.loads(notified.body)) == (200, VECTORS["paybill_response"])
    assert code(bidv.acknowledge(request, account, [differs])) == "999"
    refused = bidv.refuse(request, account, RefusedError(Refused.BAD_SIGNATURE))
    assert (refused.status, code(refused)) == (400, "004")
    conflict = with_settings(code_overrides="022=000")
    contradiction = Verdict(kind=VerdictKind.CONFLICT, record_id="7")
    assert code(bidv.acknowledge(request, conflict, [contradiction])) == "022"


def test_fields_may_have_other_names() -> None:
    account = with_settings(fields="customer_id=maKH, bill_id=soHD, result_code=ma, amount=soTien")
    body = {
        {"customer_id": "maKH", "bill_id": "soHD", "amount": "soTien"}.get(name, name): value
        for name, value in PAYBILL.items()
    }
    notice = paid(body | {"amount": "1", "bill_id": "OTHER"}, account)
    assert (notice.amount_vnd, notice.merchant_reference) == (1_250_000, "BILL0001")
    asked = call("/getbill", {**GETBILL, "maKH": GETBILL["customer_id"]})
    notified = json.loads(bidv.answer_lookup(asked, account, DEBT).body)
    assert (notified["ma"], notified["maKH"]) == ("000", "HS240001")
    assert notified["data"][0] == {"type": 0, "soTien": 1_250_000, "soHD": "BILL0001"}


@pytest.mark.parametrize(
    "settings",
    [
        {"separator": ";"},
        {"algorithm": "sha1"},
        {"codes": "C"},
        {"shape": "C"},
        {"error_status": "500"},
        {"replies": "maybe"},
        {"pays_by": "name"},
        {"lengths": "6"},
        {"lengths": "0,8"},
        {"code_overrides": "021"},
        {"fields": "a=b,a=c"},
        {"service_id": ""},
    ],
)
def test_a_setting_that_means_nothing_is_our_fault(settings: dict[str, str]) -> None:
    path, body = ("/getbill", GETBILL)
    assert refusal(path, body, with_settings(**settings)).reason is Refused.BUSY


def test_no_secret_no_door() -> None:
    assert refusal("/paybill", PAYBILL, replace(PIPE, secrets={})).reason is Refused.BUSY


def test_the_bearer_token_is_asked_for_where_there_is_one() -> None:
    account = replace(PIPE, secrets={**PIPE.secrets, "bearer": "token-1"})
    for headers in ({}, {"authorization": "Bearer token-2"}, {"authorization": "Basic token-1"}):
        error = refusal("/paybill", b"not json", account, headers=headers)
        assert error.reason is Refused.UNAUTHENTICATED
    assert paid(PAYBILL, account, headers={"authorization": "Bearer token-1"})


@pytest.mark.parametrize("path", ["", "/", "/getbil", "/paybillx", "/getbill/", "/PAYBILL"])
def test_doors_that_are_not_there(path: str) -> None:
    assert refusal(path, PAYBILL).reason is Refused.NOT_FOUND
    assert refusal("/paybill", PAYBILL, method="GET").reason is Refused.NOT_FOUND


def test_a_contract_may_put_a_path_before() -> None:
    assert bidv.read(call("/api/bidv/getbill", GETBILL), PIPE) == Lookup("HS240001")


def test_only_json() -> None:
    error = refusal("/paybill", PAYBILL, headers={"content-type": "text/plain"})
    assert error.reason is Refused.WRONG_CONTENT_TYPE


@pytest.mark.parametrize("name", ["trans_id", "amount", "checksum", "bill_id"])
def test_what_must_be_there(name: str) -> None:
    body = {key: value for key, value in PAYBILL.items() if key not in (name, "customer_id")}
    error = refusal("/paybill", body)
    missing = "customer_id" if name == "bill_id" else name
    assert (error.reason, error.field) == (Refused.MISSING_FIELD, missing)


@pytest.mark.parametrize("name", ["customer_id", "service_id", "checksum"])
def test_what_a_question_must_have(name: str) -> None:
    error = refusal("/getbill", {key: value for key, value in GETBILL.items() if key != name})
    assert (error.reason, error.field) == (Refused.MISSING_FIELD, name)


def test_a_question_about_another_service_is_not_ours() -> None:
    body = {"customer_id": "HS240001", "service_id": "999"}
    signed = body | {"checksum": counter.checksum(merchant(), "999", "HS240001")}
    assert refusal("/getbill", signed).reason is Refused.WRONG_MERCHANT


@pytest.mark.parametrize(
    "amount", ["0", "-5", "1.5", "1e6", "01", "10000000000000", "1000000000001", "٣", "1 000", True]
)
def test_an_amount_that_is_none(amount: object) -> None:
    checksum = counter.checksum(merchant(), "TR0001", "BILL0001", str(amount))
    body = PAYBILL | {"amount": amount, "checksum": checksum}
    error = refusal("/paybill", body)
    assert (error.reason, error.field) == (Refused.BAD_FIELD, "amount")


@pytest.mark.parametrize("amount", [1_250_000, "1250000", "1250000.00"])
def test_an_amount_is_signed_as_it_is_written(amount: object) -> None:
    checksum = counter.checksum(merchant(), "TR0001", "BILL0001", str(amount))
    notice = paid(PAYBILL | {"amount": amount, "checksum": checksum})
    assert notice.fingerprint() == paid(PAYBILL).fingerprint()


@pytest.mark.parametrize(
    "when", [None, "", "soon", "20240831082031", "20240906082031", 20240905082031, ["x"]]
)
def test_a_time_that_nobody_signed_is_believed_only_near_its_arrival(when: object) -> None:
    notice = paid(PAYBILL | {"trans_date": when})
    notified = datetime(2024, 9, 5, 1, 20, 31, tzinfo=UTC)
    assert notice.paid_at == (notified if when == 20240905082031 else NOW)


def test_without_a_separator_the_boundaries_need_lengths_or_a_network() -> None:
    body = PAYBILL | {"checksum": VECTORS["variant_A_no_separator"]["paybill"]["md5"]}
    shifted = body | {"trans_id": "TR00", "bill_id": "01BILL0001"}
    loose = with_settings(separator="")
    for notified in (body, shifted):
        assert refusal("/paybill", notified, loose).reason is Refused.FOREIGN_NETWORK
    trusted = with_settings(separator="", networks="10.1.0.0/16, 2001:db8::/32")
    stranger = refusal("/paybill", body, trusted, remote_ip="10.2.0.1")
    assert stranger.reason is Refused.FOREIGN_NETWORK
    assert paid(body, trusted, remote_ip="10.1.2.3").is_provisional
    fixed = with_settings(separator="", lengths="6,8")
    assert not paid(body, fixed).is_provisional
    assert refusal("/paybill", shifted, fixed).reason is Refused.BAD_FIELD
    bill = body | {"bill_id": "BILL00011", "amount": "250000"}
    assert refusal("/paybill", bill, fixed).field == "bill_id"


def test_a_separator_inside_a_value_is_refused() -> None:
    checksum = counter.checksum(merchant(), "TR0001", "BILL|0001", "1250000")
    body = PAYBILL | {"bill_id": "BILL|0001", "checksum": checksum}
    assert refusal("/paybill", body).reason is Refused.MALFORMED


def test_a_question_cannot_be_notified_again_as_a_payment() -> None:
    checksum = counter.checksum(merchant(), "347002", "BILL0001|1000")
    body = PAYBILL | {
        "trans_id": "347002",
        "bill_id": "BILL0001",
        "amount": "1000",
        "checksum": checksum,
    }
    assert refusal("/paybill", body).reason is Refused.BAD_SIGNATURE


def test_a_customer_that_nobody_signed_counts_only_from_the_network() -> None:
    without = {name: value for name, value in PAYBILL.items() if name != "bill_id"}
    without |= {"checksum": counter.checksum(merchant(), "TR0001", "", "1250000")}
    cases = ((without, {}), (PAYBILL, {"pays_by": "customer_id"}))
    for body, settings in cases:
        assert (
            refusal("/paybill", body, with_settings(**settings)).reason is Refused.FOREIGN_NETWORK
        )
        account = with_settings(networks="10.1.0.0/16", **settings)
        notice = paid(body, account, remote_ip="10.1.2.3")
        assert (notice.merchant_reference, notice.is_provisional) == ("HS240001", True)


SPELLINGS = st.sampled_from(
    [
        {"separator": separator, "algorithm": algorithm, "lengths": "13,12"}
        for separator in ("", "|")
        for algorithm in ("md5", "hmac_sha256_base64")
    ]
)
MOVEMENTS = st.builds(
    Movement,
    sequence=st.integers(1, 10**13 - 1),
    amount_vnd=st.integers(1, 10**12),
    at=st.integers(0, 3 * 86_400).map(lambda seconds: NOW - timedelta(seconds=seconds)),
    merchant_reference=st.from_regex(r"HP[0-9A-HJKMNP-TV-Z]{10}", fullmatch=True),
)


@given(MOVEMENTS, SPELLINGS)
async def test_what_the_counter_notifies_is_what_is_read(
    movement: Movement, spelling: dict[str, str]
) -> None:
    message = await bank.message(CLIENT, movement, merchant(**spelling))
    read = bidv.read(arrived(message), with_settings(**spelling))
    assert isinstance(read, Notices)
    assert read.items == (
        Notice(
            transaction_id=counter.trans_id(movement),
            outcome=Outcome.PAID,
            amount_vnd=movement.amount_vnd,
            paid_at=movement.at,
            merchant_reference=movement.merchant_reference,
        ),
    )


@given(MOVEMENTS, SPELLINGS, st.sampled_from(bank.SIGNED), st.integers(0, 100))
async def test_any_signed_character_changed_is_refused(
    movement: Movement, spelling: dict[str, str], mark: str, at: int
) -> None:
    message = await bank.message(CLIENT, movement, merchant(**spelling))
    body = altered(message, mark, at).body
    error = refusal(message.path, body, with_settings(**spelling))
    assert error.reason in (Refused.BAD_SIGNATURE, Refused.BAD_FIELD)


@given(MOVEMENTS, SPELLINGS, st.sampled_from(bank.UNSIGNED), st.integers(0, 100))
async def test_what_is_not_signed_changes_nothing_about_the_money(
    movement: Movement, spelling: dict[str, str], mark: str, at: int
) -> None:
    message = await bank.message(CLIENT, movement, merchant(**spelling))
    account = with_settings(**spelling)
    genuine = paid(message.body, account)
    changed = paid(altered(message, mark, at).body, account)
    assert changed.fingerprint() == genuine.fingerprint()
    assert changed.transaction_id == genuine.transaction_id
    assert NOW - changed.paid_at <= timedelta(days=3)


@pytest.mark.parametrize("name", ["trans_id", "amount"])
async def test_what_the_counter_forgets_is_missed(name: str) -> None:
    movement = Movement(sequence=5, amount_vnd=1000, at=NOW, merchant_reference="HPX")
    message = await bank.message(CLIENT, movement, merchant(), leave_out=name)
    error = refusal(message.path, message.body)
    assert (error.reason, error.field) == (Refused.MISSING_FIELD, name)


async def test_the_counter_asks_and_reads_the_answer() -> None:
    def school(request: httpx.Request) -> httpx.Response:
        asked = Request(
            method=request.method,
            path=request.url.path.removeprefix("/ipn/bidv/k1"),
            query=b"",
            headers=dict(request.headers),
            body=request.content,
            received_at=NOW,
        )
        lookup = bidv.read(asked, PIPE)
        assert lookup == Lookup("HS240001")
        reply = bidv.answer_lookup(asked, PIPE, DEBT)
        return httpx.Response(reply.status, content=reply.body)

    async with httpx.AsyncClient(transport=httpx.MockTransport(school)) as client:
        notified = await bank.ask(client, merchant(), "HS240001")
    assert [bill["bill_id"] for bill in notified["data"]] == ["BILL0001", "BILL0002"]


@pytest.mark.parametrize(
    ("body", "final"),
    [(b'{"result_code":"000"}', True), (b'{"result_code":"031"}', False), (b"<html>", False)],
)
def test_the_counter_stops_on_a_last_word(body: bytes, final: bool) -> None:
    assert bank.is_final(httpx.Response(200, content=body)) is final


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.sampled_from(["/getbill", "/paybill"]),
    st.dictionaries(st.sampled_from(pullbill.FIELDS), JSON),
    st.booleans(),
)
def test_any_json_is_a_sound_message_or_refused(
    path: str, changes: dict[str, Any], signs: bool
) -> None:
    body = {**PAYBILL, **GETBILL, **changes}
    if signs:
        names = ["service_id", "customer_id"]
        if path == "/paybill":
            names = ["trans_id", "bill_id", "amount"]
        with contextlib.suppress(UnicodeEncodeError):
            values = (str(body[name]) for name in names)
            body["checksum"] = counter.checksum(merchant(), *values)
    with contextlib.suppress(RefusedError):
        request = call(path, body)
        read = bidv.read(request, PIPE)
        if isinstance(read, Lookup):
            assert code(bidv.answer_lookup(request, PIPE, DEBT)) == "000"
        else:
            assert 1 <= read.items[0].amount_vnd <= 10**12
            assert read.items[0].transaction_id


@given(st.binary(max_size=300), st.text(max_size=40))
def test_any_bytes_only_ever_raise_a_refusal(body: bytes, header: str) -> None:
    account = replace(PIPE, secrets={**PIPE.secrets, "bearer": "t"})
    for path in ("/getbill", "/paybill"):
        for checked in (PIPE, account):
            with contextlib.suppress(RefusedError):
                bidv.read(call(path, body, headers={"authorization": header}), checked)
        reply = bidv.refuse(call(path, body), PIPE, RefusedError(Refused.MALFORMED))
        assert code(reply) == "001"
