"""One speaker per adapter: how its provider says that money arrived, and the answers it expects.

Signing is written from the protocols' texts, apart from the adapters' code. Adding an adapter adds a
row to `SPEAKERS`; every promise of test_conformance.py then holds for it too.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import quote_plus

import httpx
from factories import SECRETS, SETTINGS, World


@dataclass(frozen=True)
class Says:
    """What a provider reports. `account` None: its protocol names no account."""

    transaction: str
    amount_vnd: int
    reference: str
    account: str | None = None


@dataclass(frozen=True)
class Call:
    """An HTTP request, before it is sent."""

    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True)
class Speaker:
    """`say` signs; `drop` removes a required field and signs again where it can."""

    adapter: str
    say: Callable[[httpx.AsyncClient, World, Says], object]
    drop_field: Callable[[httpx.AsyncClient, World, Says], object]
    ok: Callable[[httpx.Response], bool]
    duplicate: Callable[[httpx.Response], bool]
    conflict: Callable[[httpx.Response], bool]
    bad_signature: Callable[[httpx.Response], bool]
    unknown_reference: Callable[[httpx.Response], bool]
    names_account: bool = True
    has_body: bool = True


async def send(client: httpx.AsyncClient, call: Call) -> httpx.Response:
    """Send a call as it stands."""
    url = call.path + (f"?{call.query}" if call.query else "")
    return await client.request(call.method, url, headers=dict(call.headers), content=call.body)


def tampered(call: Call) -> Call:
    """One signed byte changed: a digit of the amount or, where the body is not signed, of the proof."""
    if call.query:
        at = call.query.index("vnp_Amount=") + len("vnp_Amount=")
        return replace(call, query=call.query[:at] + _other(call.query[at]) + call.query[at + 1 :])
    headers = dict(call.headers)
    if "authorization" in headers:  # a token signs nothing but itself
        token = headers["authorization"]
        headers["authorization"] = token[:-2] + _other(token[-2]) + token[-1]
        return replace(call, headers=tuple(headers.items()))
    at = call.body.index(b"transferAmount") + len(b'transferAmount":')
    return replace(
        call, body=call.body[:at] + _other(chr(call.body[at])).encode() + call.body[at + 1 :]
    )


def _other(symbol: str) -> str:
    return "7" if symbol != "7" else "8"


def _path(world: World, adapter: str) -> str:
    return f"/ipn/{adapter}/{world.merchants[adapter][1]}"


def _compact(message: dict[str, object]) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


async def sepay(_: httpx.AsyncClient, world: World, says: Says, without: str = "") -> Call:
    """SePay, HMAC mode: sha256 over "{timestamp}.{body}"."""
    message: dict[str, object] = {
        "id": int(hashlib.sha256(says.transaction.encode()).hexdigest()[:12], 16),
        "gateway": "Vietcombank",
        "transactionDate": "2026-09-10 09:00:00",
        "accountNumber": says.account or world.bank_number,
        "subAccount": None,
        "code": None,
        "content": f"MBVCB.6912.0470.{says.reference} hoc phi.CT tu 0123",
        "transferType": "in",
        "description": "BankAPINotify",
        "transferAmount": says.amount_vnd,
        "accumulated": 0,
        "referenceCode": f"FT{says.transaction}",
    }
    message.pop(without, None)
    body = _compact(message)
    stamp = str(int(time.time()))
    secret = SECRETS["sepay"]["hmac_secret"].encode()
    signature = hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return Call(
        "POST",
        _path(world, "sepay"),
        headers=(
            ("content-type", "application/json"),
            ("x-sepay-timestamp", stamp),
            ("x-sepay-signature", f"sha256={signature}"),
        ),
        body=body,
    )


async def vietqrvn(client: httpx.AsyncClient, world: World, says: Says, without: str = "") -> Call:
    """VietQR.VN: a fresh token by Basic, then the push with the token."""
    secrets = SECRETS["vietqrvn"]
    basic = base64.b64encode(f"{secrets['username']}:{secrets['password']}".encode()).decode()
    path = _path(world, "vietqrvn")
    granted = await client.post(
        f"{path}/api/token_generate",
        headers={"authorization": f"Basic {basic}", "content-type": "application/json"},
        content=b"{}",
    )
    assert granted.status_code == 200, granted.text
    assert granted.json()["token_type"] == "Bearer"
    message: dict[str, object] = {
        "transactionid": says.transaction,
        "transactiontime": 1789005600000,
        "referencenumber": f"FT{says.transaction}",
        "amount": says.amount_vnd,
        "content": f"QR {says.reference} Ma giao dich Trace756759 Trace 756759",
        "bankaccount": says.account or world.bank_number,
        "transType": "C",
        "orderId": "",
        "sign": "",
        "terminalCode": "",
        "urlLink": "",
        "serviceCode": "",
        "subTerminalCode": "",
    }
    message.pop(without, None)
    return Call(
        "POST",
        f"{path}/bank/api/transaction-sync",
        headers=(
            ("content-type", "application/json"),
            ("authorization", f"Bearer {granted.json()['access_token']}"),
        ),
        body=_compact(message),
    )


async def vnpay(_: httpx.AsyncClient, world: World, says: Says, without: str = "") -> Call:
    """VNPAY: GET, sorted url-encoded pairs under HMAC-SHA512, hundredths of a dong."""
    fields = {
        "vnp_Amount": str(says.amount_vnd * 100),
        "vnp_BankCode": "NCB",
        "vnp_BankTranNo": f"VNP{says.transaction}",
        "vnp_CardType": "ATM",
        "vnp_OrderInfo": "Thanh toan hoc phi",
        "vnp_PayDate": "20260910090000",
        "vnp_ResponseCode": "00",
        "vnp_TmnCode": SETTINGS["vnpay"]["tmn_code"],
        "vnp_TransactionNo": str(
            int(hashlib.sha256(says.transaction.encode()).hexdigest()[:10], 16)
        ),
        "vnp_TransactionStatus": "00",
        "vnp_TxnRef": says.reference,
    }
    fields.pop(without, None)
    data = "&".join(f"{quote_plus(k)}={quote_plus(v)}" for k, v in sorted(fields.items()))
    secret = SECRETS["vnpay"]["hash_secret"].encode()
    signature = hmac.new(secret, data.encode(), hashlib.sha512).hexdigest()
    return Call("GET", _path(world, "vnpay"), query=f"{data}&vnp_SecureHash={signature}")


def _dropping(say: Callable[..., object], field: str) -> Callable[..., object]:
    async def without_field(client: httpx.AsyncClient, world: World, says: Says) -> object:
        return await say(client, world, says, without=field)  # type: ignore[misc]

    return without_field


def _rsp(code: str, message: str) -> Callable[[httpx.Response], bool]:
    body = f'{{"RspCode":"{code}","Message":"{message}"}}'.encode()
    return lambda answer: answer.status_code == 200 and answer.content == body


def _sepay_ok(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and answer.content == b'{"success":true}'


def _vietqrvn_ok(answer: httpx.Response) -> bool:
    told = answer.json()
    return (
        answer.status_code == 200
        and told["error"] is False
        and told["errorReason"] == "000"
        and told["toastMessage"] == ""
        and told["object"]["reftransactionid"] != ""
    )


SPEAKERS = (
    Speaker(
        "sepay",
        sepay,
        _dropping(sepay, "transferAmount"),
        ok=_sepay_ok,
        duplicate=_sepay_ok,
        conflict=_sepay_ok,
        bad_signature=lambda answer: answer.status_code == 401,
        unknown_reference=_sepay_ok,
    ),
    Speaker(
        "vietqrvn",
        vietqrvn,
        _dropping(vietqrvn, "amount"),
        ok=_vietqrvn_ok,
        duplicate=_vietqrvn_ok,
        conflict=lambda answer: answer.status_code == 400 and answer.json()["errorReason"] == "006",
        bad_signature=lambda answer: answer.status_code == 401,
        unknown_reference=_vietqrvn_ok,
    ),
    Speaker(
        "vnpay",
        vnpay,
        _dropping(vnpay, "vnp_Amount"),
        ok=_rsp("00", "Confirm Success"),
        duplicate=_rsp("02", "Order already confirmed"),
        conflict=_rsp("04", "Invalid amount"),
        bad_signature=_rsp("97", "Invalid signature"),
        unknown_reference=_rsp("01", "Order not found"),
        names_account=False,
        has_body=False,
    ),
)
