"""ChannelReport a provider our IPN address by its own call, where it has one (`adapters.REGISTER`).

The provider tries the address before it keeps it, so the gateway must be running under its public
address. Nothing is stored but that it was done; doing it again changes nothing.
"""

from __future__ import annotations

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters import REGISTER
from adapters.contract import Refused, RefusedError
from core.identity.audit import audit
from core.kit.database import transaction
from core.kit.errors import DomainError, Problem, not_found
from core.kit.seal import Keys
from core.merchants.directory import Merchant, merchants_by_id
from core.merchants.provider_client import UnansweredError, send


async def register_webhook(
    engine: AsyncEngine,
    keys: Keys,
    http: httpx.AsyncClient,
    school_id: int,
    merchant_account_id: int,
    *,
    url: str,
    actor: str,
) -> None:
    """Have the provider try and keep `url`, the account's IPN address, with an audit entry once it did.

    Raises Problem: 404 for another school's account, 422 where the provider has no such call or
    credentials are missing, 409 for a channel that is off, 502 when it refused or did not answer.
    """
    merchant = await _registrable(engine, keys, school_id, merchant_account_id)
    speaks = REGISTER[merchant.adapter]
    try:
        request = speaks.register_webhook(url, merchant.account)
    except RefusedError as error:
        raise Problem(
            "account_incomplete",
            vi=f"Thông tin kết nối còn thiếu: {error.field}.",
            en=f"The credentials are incomplete: {error.field}.",
            status=422,
        ) from error
    try:
        speaks.read_registered(await send(http, request), merchant.account)
    except UnansweredError as error:
        raise Problem(
            "unanswered",
            vi=f"{merchant.adapter} không trả lời; chưa biết địa chỉ đã được nhận hay chưa. Hãy chạy lại.",
            en=f"{merchant.adapter} did not answer; whether it kept the address is unknown. Run this again.",
            status=502,
        ) from error
    except RefusedError as error:
        raise _not_kept(merchant.adapter, error) from error
    async with transaction(engine) as db:
        await audit(
            db,
            school_id,
            actor=actor,
            action="channel.webhook_registered",
            subject=f"merchant_account:{merchant_account_id}",
            detail={"adapter": merchant.adapter},
        )


async def _registrable(
    engine: AsyncEngine, keys: Keys, school_id: int, merchant_account_id: int
) -> Merchant:
    async with transaction(engine) as db:
        row = await db.raw.fetchrow(
            "SELECT adapter, enabled FROM merchant_account WHERE school_id = $1 AND id = $2",
            school_id,
            merchant_account_id,
        )
        if row is None:
            raise not_found("kênh thu này", "channel")
        if row["adapter"] not in REGISTER:
            raise Problem(
                "no_register_call",
                vi=f"{row['adapter']} không nhận địa chỉ qua lệnh gọi; hãy gửi địa chỉ IPN cho họ."
                f" Tự đăng ký được với: {', '.join(REGISTER)}.",
                en=f"{row['adapter']} takes no address by a call: give it the IPN address yourself."
                f" There is a call for: {', '.join(REGISTER)}.",
                status=422,
            )
        if not row["enabled"]:
            raise Problem(
                "channel_is_off",
                vi="Kênh thu đang tắt nên lần gọi thử của nhà cung cấp sẽ bị từ chối; hãy bật kênh trước.",
                en="The channel is off, so the provider's try would be refused: turn it on first.",
                status=409,
            )
        found = await merchants_by_id(db, keys, [(school_id, merchant_account_id)])
        return found[school_id, merchant_account_id]


def _not_kept(adapter: str, error: RefusedError) -> DomainError:
    """Why the provider did not keep the address, in words for the operator."""
    if error.reason is Refused.UNAUTHENTICATED:
        vi = f"{adapter} không nhận thông tin kết nối của trường."
        en = f"{adapter} does not take the school's credentials."
    elif error.reason is Refused.BUSY:
        vi = (
            f"{adapter} chưa nhận địa chỉ: họ gọi thử không được, hoặc đang có lỗi. Kiểm tra địa chỉ"
            " công khai (HOCPHI_BASE_URL) và khóa kiểm tra rồi chạy lại."
        )
        en = (
            f"{adapter} did not keep the address: its try failed, or it has a fault of its own. Check"
            " the public address (HOCPHI_BASE_URL) and the checksum key, then run this again."
        )
    else:
        vi = f"{adapter} từ chối địa chỉ này. Kiểm tra địa chỉ công khai (HOCPHI_BASE_URL)."
        en = f"{adapter} refused this address. Check the public address (HOCPHI_BASE_URL)."
    return Problem("webhook_not_registered", vi=vi, en=en, status=502)
