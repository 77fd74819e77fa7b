"""Payouts: approved refunds that the school's own bank transfers, by a numbered list.

A list is made once and handed out unchanged; it is sealed, for it names accounts of payers. A payout
is done when a person says so (`by_hand`), or when the statement's debit line carries its code
(`reconciliation.matching.refund_debits`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from core.identity.audit import audit
from core.kit.clock import business_date, now_utc
from core.kit.database import Driver
from core.kit.errors import Problem, not_found
from core.kit.seal import Keys, seal, unseal
from core.refunds.payee import unseal_payee
from core.refunds.service import IS_DISPUTED
from core.refunds.transfer_file import Payout, write_payouts

EXTENSIONS = ("xlsx", "csv")
MAX_IN_LIST = 500
PURPOSE = "payout-list"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TransferFile:
    """A payout list as it was made. `total_vnd`: the sum of its lines."""

    id: int
    number: int
    file_name: str
    content: bytes
    refund_count: int
    total_vnd: int


async def make_transfer_list(
    db: Driver, keys: Keys, school_id: int, bank_account_id: int, *, extension: str, actor: str
) -> TransferFile | None:
    """List the approved payouts of a bank account that no list holds yet; None when there are none.

    Left out, and listed once that is judged, are those of payments that came into dispute since.
    Raises Problem (422) for another extension than xlsx or csv.
    """
    if extension not in EXTENSIONS:
        raise Problem(
            "unknown_format",
            vi=f"Định dạng phải là một trong: {', '.join(EXTENSIONS)}.",
            en=f"The format must be one of: {', '.join(EXTENSIONS)}.",
            status=422,
        )
    # one list of a school at a time, so that its numbers run on
    await db.raw.execute("SELECT id FROM school WHERE id = $1 FOR NO KEY UPDATE", school_id)
    rows = await db.raw.fetch(
        f"""
        SELECT r.id, r.number, r.amount_vnd, r.sealed_payee
          FROM refund r JOIN payment p ON p.school_id = r.school_id AND p.id = r.payment_id
         WHERE r.school_id = $1 AND r.bank_account_id = $2 AND r.method = 'payout' AND r.status = 'approved'
           AND NOT {IS_DISPUTED}
         ORDER BY r.number LIMIT $3 FOR UPDATE OF r
        """,
        school_id,
        bank_account_id,
        MAX_IN_LIST,
    )
    if not rows:
        return None
    payouts = [
        Payout(
            number=row["number"],
            amount_vnd=row["amount_vnd"],
            payee=unseal_payee(keys, row["sealed_payee"]),
        )
        for row in rows
    ]
    content = write_payouts(payouts, extension=extension, on=business_date(now_utc()))
    number: int = await db.raw.fetchval(
        "SELECT coalesce(max(number), 0) + 1 FROM payout_list WHERE school_id = $1", school_id
    )
    file_name = f"hocphi-chi-hoan-{number:04d}.{extension}"
    total_vnd = sum(row["amount_vnd"] for row in rows)
    list_id: int = await db.raw.fetchval(
        """
        INSERT INTO payout_list (school_id, number, bank_account_id, file_name, sealed_content, sha256,
                                 refund_count, total_vnd, made_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id
        """,
        school_id,
        number,
        bank_account_id,
        file_name,
        seal(keys, PURPOSE, content),
        hashlib.sha256(content).hexdigest(),
        len(rows),
        total_vnd,
        actor,
    )
    await db.raw.execute(
        "UPDATE refund SET status = 'listed', payout_list_id = $3"
        " WHERE school_id = $1 AND id = ANY($2::bigint[])",
        school_id,
        [row["id"] for row in rows],
        list_id,
    )
    await audit(
        db,
        school_id,
        actor=actor,
        action="payout_list.made",
        subject=f"payout_list:{list_id}",
        detail={
            "number": number,
            "total_vnd": total_vnd,
            "refunds": [f"refund:{row['id']}" for row in rows],
        },
    )
    return TransferFile(
        id=list_id,
        number=number,
        file_name=file_name,
        content=content,
        refund_count=len(rows),
        total_vnd=total_vnd,
    )


async def download_transfer_list(
    db: Driver, keys: Keys, school_id: int, list_id: int, *, actor: str
) -> TransferFile:
    """A list as it was made, byte for byte; who took it is in the audit chain. Raises Problem (404)."""
    row = await db.raw.fetchrow(
        "SELECT id, number, file_name, sealed_content, refund_count, total_vnd FROM payout_list"
        " WHERE school_id = $1 AND id = $2",
        school_id,
        list_id,
    )
    if row is None:
        raise not_found("danh sách chi hoàn này", "payout list")
    await audit(
        db,
        school_id,
        actor=actor,
        action="payout_list.downloaded",
        subject=f"payout_list:{list_id}",
        detail={},
    )
    fields = dict(row)
    content = unseal(keys, PURPOSE, fields.pop("sealed_content"))
    return TransferFile(content=content, **fields)
