"""MB: the push of every movement on an account, or of every payment at its merchant service (MMS).

Two pushes, one of which a merchant account takes (setting `push`), so that MB cannot tell of one
payment twice under two names:
- "sync": transaction-sync, the twin of VietQR.VN's (see adapters.providers.vietqrvn) with a few fields more.
  Nothing in it is signed; a token that we gave for Basic credentials is the whole of the proof.
- "mms": /transaction-mms, one paid QR of a merchant. checkSum is MD5 over traceTransfer + billNumber +
  payDate + debitAmount + accessKey, joined without separators. Not signed are respCode, realAmount,
  ftCode and the rest.

Source: the open server of VietQR.VN, github.com/duchieupham/vietqr_server (TransactionBankController,
TransactionMMSController); MB's own documents are not public.

Choices where the protocol leaves one:
- Sync: `va` names the virtual account and so our reference, where MB gave a prefix (`va_prefix`); an
  orderId goes first. Else as VietQR.VN, also in its replies.
- MMS: whether it was paid at all (respCode) is not signed, and MD5 of joined fields is a weak proof. So
  such a notice comes only from `networks` and is provisional. debitAmount is what counts; it ends
  where the key begins, and payDate's 14 digits before it must be a date of this century.
- MMS: the transaction is traceTransfer with billNumber behind it: characters moved from one into the
  other keep both the signature and the identity. What is not paid has an identity of its own.
- MMS: ftCode is not signed, but says which line of the statement is meant, which then confirms it.
- MMS: 00 for what was recorded, whatever it was for: the money has moved. 20 for a replay, 99 for the
  same transaction with other content, 02 for a message without order or with a broken one, 07 for an
  account that is not here, 12 for a wrong checkSum.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from adapters.contract import (
    NOTICES,
    Callback,
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
from adapters.providers import vietqrvn
from adapters.virtual import reference_behind
from adapters.wire import (
    MAX_AMOUNT_VND,
    MAX_ID,
    expect_bounded,
    expect_json,
    expect_network,
    identity,
    json_object,
    json_reply,
    same,
    secret,
    vietnam_time,
)

NAME: str = "mb"
SECRETS: Final[Mapping[str, str]] = {
    "username": "Basic user that MB was given (push = sync)",
    "password": "Basic password that MB was given (push = sync)",
    "jwt_secret": "signs our tokens: at least 32 random bytes, this account's alone (push = sync)",
    "access_key": "accessKey of checkSum (push = mms)",
}
SETTINGS: Final[Mapping[str, str]] = {
    "push": '"sync" or "mms"; default "sync"',
    "va_prefix": "what stands before our reference in a virtual account number, 1 to 7 characters;"
    " default none: no virtual accounts",
    "networks": "CIDR ranges, joined by commas, that an MMS push may come from; default none: nobody",
}

MMS_PATH: Final = "/transaction-mms"
_MMS_STATUS: Final = {  # where no code of the protocol says it
    Refused.FOREIGN_NETWORK: 403,
    Refused.TOO_LARGE: 413,
    Refused.BUSY: 503,
}


def callbacks(settings: Mapping[str, str]) -> tuple[Callback, ...]:
    """One address for MMS pushes, or those of the sync protocol. See IpnAdapter.callbacks."""
    if settings.get("push") == "mms":
        return (Callback(NOTICES, MMS_PATH),)
    return vietqrvn.callbacks(settings)


def needed(settings: Mapping[str, str]) -> frozenset[str]:
    """The names of the secrets and settings that must be given, beside these settings."""
    if settings.get("push") == "mms":
        return frozenset({"access_key", "networks"})
    return frozenset({"username", "password", "jwt_secret"})


def read(request: Request, account: MerchantAccount) -> Notices | Reply:
    """A token (a Reply), a movement or a paid QR. See IpnAdapter.read."""
    expect_bounded(request.body)
    push = account.settings.get("push", "") or "sync"
    if push not in ("sync", "mms"):
        raise RefusedError(Refused.BUSY, "push")
    route = (request.method, request.path, push)
    if route == ("POST", vietqrvn.TOKEN_PATH, "sync"):
        return vietqrvn.grant_token(request, account)
    if route == ("POST", vietqrvn.SYNC_PATH, "sync"):
        vietqrvn.expect_token(request, account)
        expect_json(request)
        return Notices((_movement(json_object(request.body), account),))
    if route == ("POST", MMS_PATH, "mms"):
        expect_network(request, account)
        expect_json(request)
        return Notices((_paid_qr(json_object(request.body), account),))
    raise RefusedError(Refused.NOT_FOUND)


def acknowledge(request: Request, account: MerchantAccount, verdicts: Sequence[Verdict]) -> Reply:
    """VietQR.VN's words for a sync; 00, 20 or 99 for an MMS push."""
    if request.path != MMS_PATH:
        return vietqrvn.acknowledge(request, account, verdicts)
    if not verdicts:
        return _mms_reply(503, "99", "no verdict")
    if verdicts[0].kind is VerdictKind.CONFLICT:
        return _mms_reply(200, "99", "other content under a known traceTransfer")
    if verdicts[0].duplicate:
        return _mms_reply(200, "20", "Duplicated FtCode")
    return _mms_reply(200, "00", "Success")


def refuse(request: Request, account: MerchantAccount | None, error: RefusedError) -> Reply:
    """VietQR.VN's words for a sync; 02, 07, 12 or 99 for an MMS push."""
    if request.path != MMS_PATH:
        return vietqrvn.refuse(request, account, error)
    match error.reason:
        case Refused.BAD_SIGNATURE:
            return _mms_reply(200, "12", "False checksum")
        case Refused.NOT_FOUND:
            return _mms_reply(200, "07", "Merchant not exist")
        case Refused.MISSING_FIELD | Refused.BAD_FIELD if error.field == "billNumber":
            return _mms_reply(200, "02", "Invalid order")
        case reason:
            return _mms_reply(_MMS_STATUS.get(reason, 400), "99", str(reason))


def checksum(message: Mapping[str, Any], access_key: str) -> str:
    """checkSum of an MMS push, in lower-case hex."""
    names = ("traceTransfer", "billNumber", "payDate", "debitAmount")
    text = "".join(identity(message, name, required=False) for name in names)
    # MD5 is MB's choice.
    return hashlib.md5((text + access_key).encode(), usedforsecurity=False).hexdigest()


def _movement(message: Mapping[str, Any], account: MerchantAccount) -> Notice:
    notice = vietqrvn.movement(message)
    reference = reference_behind(identity(message, "va", required=False), account)
    return replace(notice, merchant_reference=notice.merchant_reference or reference)


def _paid_qr(message: Mapping[str, Any], account: MerchantAccount) -> Notice:
    expected = checksum(message, secret(account, "access_key"))
    if not same(identity(message, "checkSum", required=False).lower(), expected):
        raise RefusedError(Refused.BAD_SIGNATURE, "checkSum")
    bill = identity(message, "billNumber")
    transaction_id = identity(message, "traceTransfer") + bill
    if len(transaction_id) > MAX_ID:
        raise RefusedError(Refused.BAD_FIELD, "traceTransfer")
    status = identity(message, "respCode")
    outcome = Outcome.PAID if status == "00" else Outcome.PENDING
    return Notice(
        transaction_id=transaction_id + ("" if outcome is Outcome.PAID else f".{outcome}"),
        outcome=outcome,
        amount_vnd=_amount_vnd(message),
        paid_at=vietnam_time(identity(message, "payDate"), "%Y%m%d%H%M%S", "payDate"),
        merchant_reference=bill,
        bank_transaction_id=identity(message, "ftCode", required=False),
        is_provisional=True,
        unmapped_status="" if outcome is Outcome.PAID else status[:32],
    )


def _amount_vnd(message: Mapping[str, Any]) -> int:
    digits = identity(message, "debitAmount")
    if not re.fullmatch(r"[1-9][0-9]{0,12}", digits) or int(digits) > MAX_AMOUNT_VND:
        raise RefusedError(Refused.BAD_FIELD, "debitAmount")
    return int(digits)


def _mms_reply(status: int, code: str, description: str) -> Reply:
    return json_reply(status, {"resCode": code, "resDesc": description})
