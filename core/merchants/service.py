"""The bank accounts that are a school's own, and its merchant accounts with providers.

Everything is checked before it is written, and the books are opened with it, so that money can
arrive from the first minute. Credentials are sealed here and never read back or logged.
"""

from __future__ import annotations

import json
import re
import secrets as random
import string
from collections.abc import Mapping
from dataclasses import dataclass

from adapters import IPN
from adapters.banks import bank
from core.kit.database import Driver
from core.kit.errors import Problem, not_found
from core.kit.seal import Keys, seal_secrets
from core.kit.text import unaccent
from core.ledger.service import open_books
from core.merchants.credentials import check_credentials
from core.schools.service import lock_school, refused, tidy_text

STATEMENT = "statement"
"""The adapter's name of the merchant account through which statement lines enter."""

NOTIFICATION = "notification"
"""Likewise, for what a bank notifies by camt.054 before its statement."""

_ACCOUNT_NUMBER = re.compile(r"[0-9A-Z]{4,19}")  # NAPAS QR: up to 19 characters
_KEY_ALPHABET = string.ascii_letters + string.digits
_KEY_LENGTH = 32  # 190 bits: nobody guesses an IPN address


@dataclass(frozen=True, slots=True)
class MerchantCreated:
    """A new merchant account; `account_key` stands in its IPN address."""

    id: int
    account_key: str


async def add_bank_account(
    db: Driver,
    school_id: int,
    *,
    bin: str,  # noqa: A002 - the word of the trade
    number: str,
    holder: str,
    label: str = "",
    is_default: bool = False,
) -> int:
    """Write a bank account of the school, with the merchant account its statements enter by.

    The first account of a school is its default; a new default takes the mark from the old one.
    `holder` is kept as banks print it: upper case, without marks. Raises Problem: 422 for an unknown
    BIN or a malformed number, 404 for an unknown school, 409 when the school has this number.
    """
    tidy = re.sub(r"[\s.-]", "", number).upper()
    if bank(bin) is None:
        raise refused(
            "unknown_bank",
            "bin",
            bin[:40],
            "Không có ngân hàng nào mang mã BIN này (6 chữ số, ví dụ 970436).",
            "No bank has this BIN (6 digits, e.g. 970436).",
        )
    if not _ACCOUNT_NUMBER.fullmatch(tidy):
        raise refused(
            "bad_account_number",
            "number",
            number[:40],
            "Số tài khoản gồm 4-19 chữ số hoặc chữ cái không dấu.",
            "An account number has 4-19 digits or unaccented letters.",
        )
    printed = unaccent(tidy_text("holder", holder, limit=100)).upper()
    await lock_school(db, school_id)
    if await db.raw.fetchval(
        "SELECT true FROM bank_account WHERE school_id = $1 AND number = $2", school_id, tidy
    ):
        raise Problem(
            "bank_account_exists",
            vi="Trường đã có số tài khoản này.",
            en="The school has this account number already.",
            status=409,
        )
    if is_default:
        await db.raw.execute(
            "UPDATE bank_account SET is_default = false WHERE school_id = $1 AND is_default",
            school_id,
        )
    account_id: int = await db.raw.fetchval(
        """
        INSERT INTO bank_account (school_id, bin, number, holder, label, is_default)
        VALUES ($1, $2, $3, $4, $5,
                $6 OR NOT EXISTS (SELECT FROM bank_account WHERE school_id = $1 AND is_default))
        RETURNING id
        """,
        school_id,
        bin,
        tidy,
        printed,
        tidy_text("label", label, limit=100, needed=False),
        is_default,
    )
    # A statement has no credentials: nothing is sealed.
    await _write_merchant(
        db,
        school_id,
        adapter=STATEMENT,
        bank_account_id=account_id,
        settlement="direct",
        sealed_secrets=b"",
        settings={},
    )
    await open_books(db, school_id)
    return account_id


async def open_notifications(db: Driver, school_id: int, bank_account_id: int) -> None:
    """Make the merchant account that a bank account's notifications (camt.054) enter by, on first use.

    Raises Problem (404) for another school's bank account.
    """
    await lock_school(db, school_id)
    row = await db.raw.fetchrow(
        "SELECT EXISTS (SELECT FROM merchant_account m WHERE m.school_id = b.school_id"
        " AND m.bank_account_id = b.id AND m.adapter = $3) AS is_open"
        " FROM bank_account b WHERE b.school_id = $1 AND b.id = $2",
        school_id,
        bank_account_id,
        NOTIFICATION,
    )
    if row is None:
        raise not_found("tài khoản ngân hàng này của trường", "bank account of the school")
    if not row["is_open"]:
        await _write_merchant(
            db,
            school_id,
            adapter=NOTIFICATION,
            bank_account_id=bank_account_id,
            settlement="direct",
            sealed_secrets=b"",
            settings={},
        )
        await open_books(db, school_id)


async def add_merchant_account(
    db: Driver,
    keys: Keys,
    school_id: int,
    *,
    adapter: str,
    bank_account_id: int,
    settlement: str,
    secrets: Mapping[str, str],
    settings: Mapping[str, str] | None = None,
) -> MerchantCreated:
    """Write an account with a provider, its credentials sealed; returns its id and IPN key.

    `settlement`: "direct" (the provider speaks about the bank account itself) or "batch" (it pays
    later in a lump). Raises Problem: 422 for an unknown adapter or for credentials other than those
    the adapter documents, each named; 404 for another school's bank account.
    """
    chosen = dict(settings or {})
    if adapter not in IPN:
        raise refused(
            "unknown_adapter",
            "adapter",
            adapter[:40],
            f"Chưa kết nối được với «{adapter[:40]}»; hiện có: {', '.join(sorted(IPN))}.",
            f"No such adapter; there are: {', '.join(sorted(IPN))}.",
        )
    if settlement not in {"direct", "batch"}:
        raise refused(
            "bad_settlement",
            "settlement",
            settlement[:40],
            "Cách quyết toán là direct hoặc batch.",
            "Settlement is direct or batch.",
        )
    check_credentials(adapter, secrets, chosen)
    await lock_school(db, school_id)
    if not await db.raw.fetchval(
        "SELECT true FROM bank_account WHERE school_id = $1 AND id = $2", school_id, bank_account_id
    ):
        raise not_found("tài khoản ngân hàng này của trường", "bank account of the school")
    created = await _write_merchant(
        db,
        school_id,
        adapter=adapter,
        bank_account_id=bank_account_id,
        settlement=settlement,
        sealed_secrets=seal_secrets(keys, secrets),
        settings=chosen,
    )
    await open_books(db, school_id)
    return created


async def _write_merchant(
    db: Driver,
    school_id: int,
    *,
    adapter: str,
    bank_account_id: int,
    settlement: str,
    sealed_secrets: bytes,
    settings: Mapping[str, str],
) -> MerchantCreated:
    account_key = "".join(random.choice(_KEY_ALPHABET) for _ in range(_KEY_LENGTH))
    merchant_id: int = await db.raw.fetchval(
        """
        INSERT INTO merchant_account (school_id, adapter, account_key, bank_account_id, settlement,
                                      sealed_secrets, settings)
        VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb) RETURNING id
        """,
        school_id,
        adapter,
        account_key,
        bank_account_id,
        settlement,
        sealed_secrets,
        json.dumps(dict(settings)),
    )
    return MerchantCreated(merchant_id, account_key)
