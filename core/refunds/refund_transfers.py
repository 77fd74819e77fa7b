"""Refunds that the school's own bank transfers, by a numbered list.

A list is made once and handed out unchanged; it is sealed, for it names accounts of payers. A transfer
is done when a person states so (`manual`), or when the statement's debit line carries its code
(`reconciliation.matching.refund_debits`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from core.identity.audit import audit
from core.kit.clock import business_date, now_utc
from core.kit.database import Command, Driver, Query
from core.kit.seal import Keys, seal, unseal
from core.refunds.errors import UnknownListFormatError, UnknownTransferListError
from core.refunds.payee import unseal_payee
from core.refunds.refundable import IS_DISPUTED
from core.refunds.transfer_file import ListedTransfer, write_transfers

EXTENSIONS = ("xlsx", "csv")
MAX_IN_LIST = 500
PURPOSE = "transfer-list"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TransferFile:
    """A transfer list as it was made. `total_vnd`: the sum of its lines, VND."""

    id: int
    number: int
    file_name: str
    content: bytes
    refund_count: int
    total_vnd: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Listable:
    id: int
    number: int
    amount_vnd: int
    sealed_payee: bytes


# one list of a school at a time, so that its numbers run on
LOCK_SCHOOL = Command("SELECT id FROM school WHERE id = $1 FOR NO KEY UPDATE")

LISTABLE = Query(
    _Listable,
    f"""
SELECT r.id, r.number, r.amount_vnd, r.sealed_payee
  FROM refund r JOIN payment p ON p.school_id = r.school_id AND p.id = r.payment_id
 WHERE r.school_id = $1 AND r.bank_account_id = $2 AND r.method = 'payout' AND r.status = 'approved'
   AND NOT {IS_DISPUTED}
 ORDER BY r.number LIMIT $3 FOR UPDATE OF r
""",  # noqa: S608 - composed of constants of the tree
)

# by uq_transfer_list_school_id_number
NEXT_NUMBER = Query(
    int, "SELECT coalesce(max(number), 0) + 1 AS number FROM transfer_list WHERE school_id = $1"
)

INSERT = Query(
    int,
    """
INSERT INTO transfer_list (school_id, number, bank_account_id, file_name, sealed_content, sha256,
                           refund_count, total_vnd, made_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id
""",
)

MARK_LISTED = Command("""
UPDATE refund SET status = 'listed', transfer_list_id = $3
 WHERE school_id = $1 AND id = ANY($2::bigint[])
""")

SEALED_FILE = Query(
    TransferFile,
    """
SELECT id, number, file_name, sealed_content AS content, refund_count, total_vnd
  FROM transfer_list WHERE school_id = $1 AND id = $2
""",
)


async def make_transfer_list(
    db: Driver, keys: Keys, school_id: int, bank_account_id: int, *, extension: str, actor: str
) -> TransferFile | None:
    """List the approved transfers of a bank account that no list holds yet; None when there are none.

    Left out, and listed once that is judged, are those of payments that came into dispute since.
    Raises UnknownListFormatError for another extension than xlsx or csv.
    """
    if extension not in EXTENSIONS:
        raise UnknownListFormatError(formats=EXTENSIONS)
    await db.execute(LOCK_SCHOOL, school_id)
    listable = await db.fetch(LISTABLE, school_id, bank_account_id, MAX_IN_LIST)
    if not listable:
        return None
    transfers = [
        ListedTransfer(
            number=one.number,
            amount_vnd=one.amount_vnd,
            payee=unseal_payee(keys, one.sealed_payee),
        )
        for one in listable
    ]
    content = write_transfers(transfers, extension=extension, on=business_date(now_utc()))
    number = await db.fetch_only(NEXT_NUMBER, school_id)
    file_name = f"hocphi-chi-hoan-{number:04d}.{extension}"
    total_vnd = sum(one.amount_vnd for one in listable)
    list_id = await db.fetch_only(
        INSERT,
        school_id,
        number,
        bank_account_id,
        file_name,
        seal(keys, PURPOSE, content),
        hashlib.sha256(content).hexdigest(),
        len(listable),
        total_vnd,
        actor,
    )
    await db.execute(MARK_LISTED, school_id, [one.id for one in listable], list_id)
    await audit(
        db,
        school_id,
        actor=actor,
        action="transfer_list.made",
        subject=f"transfer_list:{list_id}",
        detail={
            "number": number,
            "total_vnd": total_vnd,
            "refunds": [f"refund:{one.id}" for one in listable],
        },
    )
    return TransferFile(
        id=list_id,
        number=number,
        file_name=file_name,
        content=content,
        refund_count=len(listable),
        total_vnd=total_vnd,
    )


async def download_transfer_list(
    db: Driver, keys: Keys, school_id: int, list_id: int, *, actor: str
) -> TransferFile:
    """A list as it was made, byte for byte; who took it is in the audit chain.

    Raises UnknownTransferListError.
    """
    sealed = await db.fetch_one(SEALED_FILE, school_id, list_id)
    if sealed is None:
        raise UnknownTransferListError
    await audit(
        db,
        school_id,
        actor=actor,
        action="transfer_list.downloaded",
        subject=f"transfer_list:{list_id}",
        detail={},
    )
    return replace(sealed, content=unseal(keys, PURPOSE, sealed.content))
