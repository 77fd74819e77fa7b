"""From the portal to us: the result of an order (CONFIRM), a look-up, the result of a look-up.

See the package's docstring for sources and choices.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
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
    Payer,
    Refused,
    RefusedError,
    Reply,
    Request,
    Verdict,
    VerdictKind,
    always,
)
from adapters.messages import msg
from adapters.providers.dvcqg.message import (
    TIME,
    amount_of,
    confirmed_values,
    expect_genuine,
    fee_information,
    local,
    payment_notice,
    signed_text,
    time_of,
)
from adapters.wire import (
    expect_bounded,
    expect_json,
    expect_network,
    identity,
    json_object,
    json_reply,
    setting,
    vietnam_time,
)

CONFIRM, LOOKUP, RESULT = "", "/lookup", "/result"
LOOKUP_FIELDS: Final = ("MaHoSo", "ThoiGianGD", "MaDoiTac")  # signed in this order
RESULT_FIELDS: Final = (
    "MaTraCuuTT",
    "SoTien",
    "TrangThaiThanhToan",
    "MaGiaoDich",
    "ThoiGianGD",
    "MaDoiTac",
)
LOOKUP_WINDOW_S: Final = "300"
_RESULTS: Final = {"1": Outcome.PAID, "3": Outcome.PENDING, "4": Outcome.FAILED}
_WORDS: Final = {
    Refused.BAD_SIGNATURE: "Mã xác thực không chính xác",
    Refused.WRONG_MERCHANT: "Mã đối tác không chính xác",
    Refused.STALE: "Thời gian giao dịch quá hạn",
}


callbacks = always(
    Callback(NOTICES),
    Callback(DEBTS, LOOKUP, is_portal=True),
    Callback(msg("Kết quả thanh toán"), RESULT, is_portal=True),
)


def needed(settings: Mapping[str, str]) -> frozenset[str]:
    """The names of the secrets and settings that must be given, beside these settings."""
    own = {"init_url", "query_url", "bill_url"}
    addresses = own if own <= settings.keys() else {"api_url"}
    return frozenset({"secret_key", "partner_code"} | addresses)


def read(request: Request, account: MerchantAccount) -> Notices | Lookup:
    """A CONFIRM, or at /lookup and /result what the pull flow asks and tells. See IpnAdapter.read."""
    if request.method != "POST" or request.path not in (CONFIRM, LOOKUP, RESULT):
        raise RefusedError(Refused.NOT_FOUND)
    if account.settings.get("networks"):
        expect_network(request, account)
    expect_json(request)
    expect_bounded(request.body)
    message = json_object(request.body)
    match request.path:
        case "/lookup":
            return _lookup(message, request, account)
        case "/result":
            return Notices((_result(message, request, account),))
        case _:
            return Notices((_confirmation(message, request, account),))


def acknowledge(request: Request, account: MerchantAccount, verdicts: Sequence[Verdict]) -> Reply:
    """MaLoi 00 (error_code 0) for all that is recorded, wherever it was placed; 99 for a conflict.

    The reply to a CONFIRM repeats its MaXacThuc, as the public integrators do.
    """
    is_kept = bool(verdicts) and verdicts[0].kind is not VerdictKind.CONFLICT
    if request.path == RESULT:
        return _result_reply("" if is_kept else "Các lỗi khác")
    message = json_object(request.body)
    return _confirm_reply(
        "" if is_kept else "Các lỗi khác",
        account,
        {name: signed_text(message, name) for name in ("MaThamChieu", "ThoiGianGD", "MaXacThuc")},
    )


def refuse(request: Request, account: MerchantAccount | None, error: RefusedError) -> Reply:
    """The words of the path for a refusal; it repeats nothing of a message that proved nothing."""
    why = _WORDS.get(error.reason, "Các lỗi khác")
    status = 413 if error.reason is Refused.TOO_LARGE else 200
    match request.path:
        case "/lookup":
            return json_reply(status, {"error_code": "ERR", "message": []})
        case "/result":
            return replace(_result_reply(why), status=status)
        case _:
            return replace(_confirm_reply(why, account, {}), status=status)


def answer_lookup(request: Request, account: MerchantAccount, debt: Debt | None) -> Reply:
    """The answer to a look-up: TT with what is owed as one sum, else NONE, whoever was asked about.

    Of the payer it says the name as given (masked) and no more; the file's code is the one asked.
    """
    if debt is None or debt.whole is None:
        return json_reply(200, {"error_code": "NONE", "message": []})
    bill = debt.whole
    owed = fee_information(
        bill,
        Payer(name=debt.payer.name),
        debt.payee,
        account,
        amount_vnd=bill.amount_vnd,
        file_code=identity(json_object(request.body), "MaHoSo"),
    )
    number = f"{bill.reference}{local(request.received_at)}"
    return json_reply(200, {"error_code": "TT", "message": {"MaTraCuuTT": number, **owed}})


def _confirmation(message: Mapping[str, Any], request: Request, account: MerchantAccount) -> Notice:
    expect_genuine(message, confirmed_values(message, account), account)
    _expect_partner(message, account)
    if signed_text(message, "LoaiBanTin") != "CONFIRM":
        raise RefusedError(Refused.BAD_FIELD, "LoaiBanTin")
    code = identity(message, "MaLoi")
    failed = {text.strip() for text in account.settings.get("failed_codes", "").split(",")}
    if code == "00":
        outcome, unmapped = Outcome.PAID, ""
    elif code in failed:
        outcome, unmapped = Outcome.FAILED, ""
    else:
        outcome, unmapped = Outcome.PENDING, code
    return payment_notice(message, outcome, unmapped, request.received_at)


def _lookup(message: Mapping[str, Any], request: Request, account: MerchantAccount) -> Lookup:
    _expect_signed(message, LOOKUP_FIELDS, account)
    asked_at = vietnam_time(identity(message, "ThoiGianGD"), TIME, "ThoiGianGD")
    window = account.settings.get("lookup_window_s") or LOOKUP_WINDOW_S
    if not re.fullmatch(r"[0-9]{1,6}", window):
        raise RefusedError(Refused.BUSY, "lookup_window_s")
    if abs(request.received_at - asked_at) > timedelta(seconds=int(window)):
        raise RefusedError(Refused.STALE, "ThoiGianGD")
    return Lookup(identity(message, "MaHoSo"))


def _result(message: Mapping[str, Any], request: Request, account: MerchantAccount) -> Notice:
    _expect_signed(message, RESULT_FIELDS, account)
    number = identity(message, "MaTraCuuTT")
    status = identity(message, "TrangThaiThanhToan")
    outcome = _RESULTS.get(status, Outcome.PENDING)
    paid = identity(message, "MaGiaoDich", required=outcome is Outcome.PAID)
    # CONFIRM's identities hold no colon before the dot: our own reference stands there
    transaction_id = f"tracuu:{number}.{paid or '0'}"
    return Notice(
        transaction_id=transaction_id if outcome is Outcome.PAID else f"{transaction_id}.{outcome}",
        outcome=outcome,
        amount_vnd=amount_of(message),
        paid_at=time_of(message, request.received_at),
        merchant_reference=re.sub(r"(?<=.)[0-9]{14}\Z", "", number),
        bank_transaction_id=paid,
        unmapped_status="" if status in _RESULTS else status[:32],
    )


def _expect_signed(
    message: Mapping[str, Any], names: Sequence[str], account: MerchantAccount
) -> None:
    """MaDoiTac may be left out of the message; the code covers it all the same."""
    given = {name: signed_text(message, name) for name in names}
    partner = setting(account, "partner_code")
    expect_genuine(
        message, [*(given | {"MaDoiTac": given["MaDoiTac"] or partner}).values()], account
    )
    if given["MaDoiTac"]:
        _expect_partner(message, account)


def _expect_partner(message: Mapping[str, Any], account: MerchantAccount) -> None:
    if signed_text(message, "MaDoiTac") != setting(account, "partner_code"):
        raise RefusedError(Refused.WRONG_MERCHANT, "MaDoiTac")


def _confirm_reply(why: str, account: MerchantAccount | None, repeated: Mapping[str, str]) -> Reply:
    return json_reply(
        200,
        {
            "MaLoi": "99" if why else "00",
            "MoTaLoi": why or "Thành công",
            "MaDoiTac": account.settings.get("partner_code", "") if account else "",
            "MaThamChieu": repeated.get("MaThamChieu", ""),
            "ThoiGianGD": repeated.get("ThoiGianGD", ""),
            "MaXacThuc": repeated.get("MaXacThuc", ""),
        },
    )


def _result_reply(why: str) -> Reply:
    return json_reply(200, {"error_code": "-1" if why else "0", "message": why or "Thành công"})
