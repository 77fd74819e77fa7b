"""Answering what a code owes: asked by a bank's counter or the portal, kept, and bounded.

Codes are short and a pupil's is easy to guess, so a caller who asks for many that nobody has is turned
away for a while, whatever code comes next: the right ones among the guesses must not stand out.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import asyncpg
import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.contract import Debt, Refused, RefusedError
from core.invoices.debts import find_debt
from core.kit.database import Command, Query, transaction
from core.kit.seal import Keys, keyed_hash
from core.merchants.directory import Merchant

log = structlog.get_logger(__name__)

WINDOW: Final = timedelta(minutes=10)
UNKNOWN_IN_WINDOW: Final = 100
"""Different codes that nobody has, per merchant account: typing errors of a busy day stay below."""

# by ix_lookup_recent
UNKNOWN = Query(
    int,
    """
SELECT count(DISTINCT code_hash) FROM lookup
 WHERE school_id = $1 AND merchant_account_id = $2 AND created_at > now() - $3::interval AND NOT is_known
""",
)
KEEP = Command("""
INSERT INTO lookup (school_id, merchant_account_id, code_hash, is_known) VALUES ($1, $2, $3, $4)
""")


async def look_up(engine: AsyncEngine, keys: Keys, merchant: Merchant, code: str) -> Debt | None:
    """What `code` owes at this merchant account; None when nobody has it.

    Raises RefusedError(BUSY): the database is away, or too many codes were guessed.
    """
    owner = (merchant.school_id, merchant.merchant_account_id)
    try:
        async with transaction(engine) as db:
            if await db.fetch_only(UNKNOWN, *owner, WINDOW) >= UNKNOWN_IN_WINDOW:
                log.error("lookup.too_many_unknown", adapter=merchant.adapter, school=owner[0])
                raise RefusedError(Refused.BUSY)
            debt = await find_debt(db, merchant, code)
            await db.execute(KEEP, *owner, keyed_hash(keys, "lookup", code), debt is not None)
    except asyncpg.DataError as error:  # no code of ours has such characters
        raise RefusedError(Refused.BAD_FIELD) from error
    except (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise RefusedError(Refused.BUSY) from error
    return debt
