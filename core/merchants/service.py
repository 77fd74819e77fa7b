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
from core.kit.database import Command, Driver, Query
from core.kit.seal import Keys, seal_secrets
from core.kit.text import unaccent
from core.ledger.service import open_books
from core.merchants.credentials import check_credentials
from core.merchants.errors import (
    BadAccountNumberError,
    BadSettlementError,
    BankAccountExistsError,
    BankAccountNotFoundError,
    UnknownAdapterError,
    UnknownBankError,
)
from core.schools.service import lock_school, tidy_text

STATEMENT = "statement"
"""The adapter's name of the merchant account through which statement lines enter."""

NOTIFICATION = "notification"
"""Likewise, for what a bank notifies by camt.054 before its statement."""

_ACCOUNT_NUMBER = re.compile(r"[0-9A-Z]{4,19}")  # NAPAS QR: up to 19 characters
_KEY_ALPHABET = string.ascii_letters + string.digits
_KEY_LENGTH = 32  # 190 bits: nobody guesses an IPN address


@dataclass(frozen=True, slots=True)
class MerchantCreated:
    """A new merchant account; `account_key` is in its IPN address."""

    id: int
    account_key: str


@dataclass(frozen=True, slots=True)
class OtherAccounts:
    """How many bank accounts of the school have a number, and how many are the default."""

    same_number: int
    defaults: int


OTHER_ACCOUNTS = Query(
    OtherAccounts,
    """
SELECT count(*) FILTER (WHERE number = $2) AS same_number, count(*) FILTER (WHERE is_default) AS defaults
  FROM bank_account WHERE school_id = $1
""",
)

CLEAR_DEFAULT = Command(
    "UPDATE bank_account SET is_default = false WHERE school_id = $1 AND is_default"
)

ADD_BANK_ACCOUNT = Query(
    int,
    """
INSERT INTO bank_account (school_id, bin, number, holder, label, is_default)
VALUES ($1, $2, $3, $4, $5, $6) RETURNING id
""",
)


async def add_bank_account(
    db: Driver,
    school_id: int,
    *,
    bin: str,  # noqa: A002 - what banks call it
    number: str,
    holder: str,
    label: str = "",
    is_default: bool = False,
) -> int:
    """Write a bank account of the school, with the merchant account its statements enter by.

    The first account of a school is its default; a new default takes the mark from the old one.
    `holder` is kept as banks print it: upper case, without marks. Raises UnknownBankError,
    BadAccountNumberError, BadTextError, SchoolNotFoundError or BankAccountExistsError.
    """
    tidy = re.sub(r"[\s.-]", "", number).upper()
    if bank(bin) is None:
        raise UnknownBankError("bin", bin[:40])
    if not _ACCOUNT_NUMBER.fullmatch(tidy):
        raise BadAccountNumberError("number", number[:40])
    printed = unaccent(tidy_text("holder", holder, limit=100)).upper()
    await lock_school(db, school_id)
    others = await db.fetch_only(OTHER_ACCOUNTS, school_id, tidy)
    if others.same_number:
        raise BankAccountExistsError
    if is_default:
        await db.execute(CLEAR_DEFAULT, school_id)
    account_id = await db.fetch_only(
        ADD_BANK_ACCOUNT,
        school_id,
        bin,
        tidy,
        printed,
        tidy_text("label", label, limit=100, needed=False),
        is_default or not others.defaults,
    )
    await _write_merchant(db, school_id, adapter=STATEMENT, bank_account_id=account_id)
    await open_books(db, school_id)
    return account_id


# one row where the bank account is the school's: whether the adapter's account stands beside it
HAS_ADAPTER = Query(
    bool,
    """
SELECT EXISTS (SELECT FROM merchant_account m
                WHERE m.school_id = b.school_id AND m.bank_account_id = b.id AND m.adapter = $3) AS has_adapter
  FROM bank_account b WHERE b.school_id = $1 AND b.id = $2
""",
)


async def open_notifications(db: Driver, school_id: int, bank_account_id: int) -> None:
    """Make the merchant account that a bank account's notifications (camt.054) enter by, on first use.

    Raises BankAccountNotFoundError.
    """
    await lock_school(db, school_id)
    is_open = await db.fetch_one(HAS_ADAPTER, school_id, bank_account_id, NOTIFICATION)
    if is_open is None:
        raise BankAccountNotFoundError
    if not is_open:
        await _write_merchant(db, school_id, adapter=NOTIFICATION, bank_account_id=bank_account_id)
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

    `settlement`: "direct" (the money is on the bank account already) or "batch" (the provider pays it
    out later). Raises UnknownAdapterError, BadSettlementError, BadCredentialsError or
    BankAccountNotFoundError.
    """
    chosen = dict(settings or {})
    if adapter not in IPN:
        raise UnknownAdapterError("adapter", adapter[:40], tuple(sorted(IPN)))
    if settlement not in {"direct", "batch"}:
        raise BadSettlementError("settlement", settlement[:40])
    check_credentials(adapter, secrets, chosen)
    await lock_school(db, school_id)
    if await db.fetch_one(HAS_ADAPTER, school_id, bank_account_id, adapter) is None:
        raise BankAccountNotFoundError
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


ADD_MERCHANT_ACCOUNT = Query(
    int,
    """
INSERT INTO merchant_account (school_id, adapter, account_key, bank_account_id, settlement,
                              sealed_secrets, settings)
VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb) RETURNING id
""",
)


async def _write_merchant(
    db: Driver,
    school_id: int,
    *,
    adapter: str,
    bank_account_id: int,
    settlement: str = "direct",
    sealed_secrets: bytes = b"",
    settings: Mapping[str, str] | None = None,
) -> MerchantCreated:
    """Write a merchant account under a new key; without credentials where nothing is sealed."""
    account_key = "".join(random.choice(_KEY_ALPHABET) for _ in range(_KEY_LENGTH))
    merchant_id = await db.fetch_only(
        ADD_MERCHANT_ACCOUNT,
        school_id,
        adapter,
        account_key,
        bank_account_id,
        settlement,
        sealed_secrets,
        json.dumps(dict(settings or {})),
    )
    return MerchantCreated(merchant_id, account_key)
