"""A merchant account with everything that recording needs to know of its school, read in one query.

What is read here changes rarely; the IPN endpoint keeps it for `CACHE_S` seconds. It must never be
logged: it carries opened credentials.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.contract import MerchantAccount
from core.kit.columns import Columns
from core.kit.database import Driver, Query, transaction
from core.kit.seal import Keys, unseal_secrets
from core.ledger.postings import Books

CACHE_S: Final = 15.0
CACHE_SIZE: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Merchant:
    """One merchant account. `banks`: account number -> (bank account id, its ledger account)."""

    school_id: int
    merchant_account_id: int
    adapter: str
    settlement: str
    bank_account_id: int
    account: MerchantAccount
    clearing_account_id: int
    banks: Mapping[str, tuple[int, int]]
    books: Books


@dataclass(frozen=True, slots=True)
class MerchantRow:
    """A merchant account as it is stored, its secrets sealed; `banks` as in `Merchant`, `books` by kind."""

    school_id: int
    merchant_account_id: int
    adapter: str
    settlement: str
    bank_account_id: int
    account_key: str
    sealed_secrets: bytes
    settings: Mapping[str, str]
    banks: Mapping[str, Sequence[int]]
    books: Mapping[str, int]
    clearing_account_id: int

    def merchant(self, secrets: Mapping[str, str]) -> Merchant:
        """The merchant account with these credentials."""
        books = self.books
        return Merchant(
            school_id=self.school_id,
            merchant_account_id=self.merchant_account_id,
            adapter=self.adapter,
            settlement=self.settlement,
            bank_account_id=self.bank_account_id,
            account=MerchantAccount(
                account_key=self.account_key,
                secrets=secrets,
                settings=self.settings,
                bank_accounts=tuple(self.banks),
            ),
            clearing_account_id=self.clearing_account_id,
            banks={number: (bank, ledger) for number, (bank, ledger) in self.banks.items()},
            books=Books(
                receivable_id=books["receivable"],
                student_credit_id=books["student_credit"],
                suspense_id=books["suspense"],
                opening_id=books["opening"],
            ),
        )


_MERCHANTS: Final = """
SELECT m.school_id, m.id AS merchant_account_id, m.adapter, m.settlement, m.bank_account_id, m.account_key,
       m.sealed_secrets, m.settings,
       (SELECT json_object_agg(b.number, json_build_array(b.id, l.id))
          FROM bank_account b
          JOIN ledger_account l ON l.school_id = b.school_id AND l.kind = 'bank' AND l.bank_account_id = b.id
         WHERE b.school_id = m.school_id) AS banks,
       (SELECT json_object_agg(l.kind, l.id) FROM ledger_account l
         WHERE l.school_id = m.school_id
           AND l.kind IN ('receivable', 'student_credit', 'suspense', 'opening')) AS books,
       (SELECT l.id FROM ledger_account l
         WHERE l.school_id = m.school_id AND l.kind = 'clearing'
           AND l.merchant_account_id = m.id) AS clearing_account_id
  FROM merchant_account m
"""

MERCHANT_ID: Final = Columns[tuple[int, int]](
    ("school_id", "bigint", lambda one: one[0]),
    ("id", "bigint", lambda one: one[1]),
)

# by uq_merchant_account_account_key: an IPN address names no school
BY_KEY = Query(
    MerchantRow, f"{_MERCHANTS} WHERE m.enabled AND m.account_key = $1 AND m.adapter = $2"
)

BY_ID = Query(
    MerchantRow,
    f"{_MERCHANTS} WHERE (m.school_id, m.id) IN (SELECT * FROM {MERCHANT_ID.unnest()})",  # noqa: S608 - composed of constants of the tree
)

# newest first: read into a dictionary, the oldest of a bank account wins
OF_ADAPTER = Query(
    MerchantRow, f"{_MERCHANTS} WHERE m.school_id = $1 AND m.adapter = $2 ORDER BY m.id DESC"
)

PAID_OUT = Query(
    MerchantRow, f"{_MERCHANTS} WHERE m.school_id = $1 AND m.settlement = 'batch' ORDER BY m.id"
)


async def find_merchant(db: Driver, keys: Keys, adapter: str, account_key: str) -> Merchant | None:
    """The enabled merchant account behind an IPN address; None when there is none."""
    row = await db.fetch_one(BY_KEY, account_key, adapter)
    return row.merchant(unseal_secrets(keys, row.sealed_secrets)) if row else None


async def merchants_by_id(
    db: Driver, keys: Keys, wanted: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], Merchant]:
    """Merchant accounts, enabled or not, by (school id, merchant account id)."""
    rows = await db.fetch(BY_ID, *MERCHANT_ID.arrays(sorted(set(wanted))))
    return {
        (row.school_id, row.merchant_account_id): row.merchant(
            unseal_secrets(keys, row.sealed_secrets)
        )
        for row in rows
    }


async def statement_merchants(db: Driver, school_id: int) -> dict[int, Merchant]:
    """Bank account id -> the merchant account its statement lines enter by: no credentials, no keys.

    Where several serve one bank account, the oldest.
    """
    return await _by_bank_account(db, school_id, "statement")


async def notification_merchants(db: Driver, school_id: int) -> dict[int, Merchant]:
    """Bank account id -> the merchant account that its camt.054 notifications enter by."""
    return await _by_bank_account(db, school_id, "notification")


async def _by_bank_account(db: Driver, school_id: int, adapter: str) -> dict[int, Merchant]:
    rows = await db.fetch(OF_ADAPTER, school_id, adapter)
    return {row.bank_account_id: row.merchant({}) for row in rows}


async def payout_merchants(db: Driver, school_id: int) -> dict[int, Merchant]:
    """The merchant accounts whose provider pays out later, by id: no credentials, no keys."""
    rows = await db.fetch(PAID_OUT, school_id)
    return {row.merchant_account_id: row.merchant({}) for row in rows}


class MerchantDirectory:
    """Merchant accounts of this process, each remembered for `CACHE_S` seconds; unknown keys are not."""

    def __init__(self, engine: AsyncEngine, keys: Keys) -> None:
        self._engine = engine
        self._keys = keys
        self._known: dict[tuple[str, str], tuple[float, Merchant]] = {}

    async def find(self, adapter: str, account_key: str) -> Merchant | None:
        """The merchant account behind an IPN address; None when there is none."""
        found = self._known.get((adapter, account_key))
        if found and found[0] > time.monotonic():
            return found[1]
        async with transaction(self._engine) as db:
            merchant = await find_merchant(db, self._keys, adapter, account_key)
        if merchant is None:
            self._known.pop((adapter, account_key), None)
        else:
            if len(self._known) >= CACHE_SIZE:
                self._known.clear()
            self._known[adapter, account_key] = (time.monotonic() + CACHE_S, merchant)
        return merchant
