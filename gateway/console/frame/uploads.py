"""A file between upload and acceptance: held as it came, previewed as often as one looks, written once.

Whoever drops it, or forgets it for a day, leaves nothing behind. The bytes go with the acceptance:
what a school needs of them is in its tables by then.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from litestar.datastructures import UploadFile

from core.kit.clock import now_utc
from core.kit.database import Driver
from core.kit.errors import Problem, not_found

KEPT = timedelta(days=1)
MAX_LISTED = 50
MAX_FILE_NAME = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """An uploaded file. `parameters`: what was chosen beside it, by name."""

    id: int
    kind: str
    file_name: str
    content: bytes = field(repr=False)
    parameters: dict[str, str]
    uploaded_by: str
    accepted_at: datetime | None
    created_at: datetime


async def hold_file(
    db: Driver,
    school_id: int,
    *,
    kind: str,
    file_name: str,
    content: bytes,
    parameters: dict[str, str],
    actor: str,
) -> int:
    """Keep an uploaded file until it is accepted or dropped; returns its number."""
    await db.raw.execute(
        "DELETE FROM import_batch WHERE school_id = $1 AND accepted_at IS NULL AND created_at < $2",
        school_id,
        now_utc() - KEPT,
    )
    number: int = await db.raw.fetchval(
        "INSERT INTO import_batch (school_id, kind, file_name, content, parameters, uploaded_by)"
        " VALUES ($1, $2, $3, $4, $5::jsonb, $6) RETURNING id",
        school_id,
        kind,
        file_name,
        content,
        json.dumps(parameters),
        actor,
    )
    return number


async def held_file(db: Driver, school_id: int, batch_id: int, *, lock: bool = False) -> Batch:
    """A file of this school. Raises Problem: 404 there is none, 409 it was accepted before."""
    row = await db.raw.fetchrow(
        "SELECT id, kind, file_name, content, parameters::text AS parameters, uploaded_by, accepted_at,"
        " created_at FROM import_batch WHERE school_id = $1 AND id = $2" + " FOR UPDATE" * lock,
        school_id,
        batch_id,
    )
    if row is None:
        raise not_found("tệp này (tệp chưa nhận chỉ được giữ một ngày)", "file (kept for one day)")
    if row["accepted_at"] is not None:
        raise Problem(
            "already_accepted",
            vi="Tệp này đã được nhận trước đó.",
            en="This file was accepted before.",
            status=409,
        )
    return Batch(**{**dict(row), "parameters": json.loads(row["parameters"])})


async def mark_accepted(db: Driver, school_id: int, batch_id: int) -> None:
    """The file did its work: remember that, and let its bytes go."""
    await db.raw.execute(
        "UPDATE import_batch SET accepted_at = now(), content = '' WHERE school_id = $1 AND id = $2",
        school_id,
        batch_id,
    )


async def drop_file(db: Driver, school_id: int, batch_id: int) -> None:
    """Forget a file that was not accepted; a file that is not there is no error."""
    await db.raw.execute(
        "DELETE FROM import_batch WHERE school_id = $1 AND id = $2 AND accepted_at IS NULL",
        school_id,
        batch_id,
    )


@dataclass(frozen=True, slots=True)
class BatchLine:
    """A file in the list of the last ones."""

    id: int
    kind: str
    file_name: str
    uploaded_by: str
    accepted_at: datetime | None
    created_at: datetime


async def last_files(db: Driver, school_id: int, limit: int = 10) -> list[BatchLine]:
    """The last files, newest first, without their bytes."""
    rows = await db.raw.fetch(
        "SELECT id, kind, file_name, uploaded_by, accepted_at, created_at FROM import_batch"
        " WHERE school_id = $1 ORDER BY id DESC LIMIT $2",
        school_id,
        min(limit, MAX_LISTED),
    )
    return [BatchLine(**dict(row)) for row in rows]


async def file_of(sent: object) -> tuple[bytes, str]:
    """The bytes and the name of an upload. Raises Problem when there is none."""
    content = await sent.read() if isinstance(sent, UploadFile) else b""
    if not isinstance(sent, UploadFile) or not content:
        raise Problem(
            "file_missing",
            vi="Hãy chọn một tệp không rỗng (.xlsx, .xls hoặc .csv).",
            en="Choose a file that is not empty (.xlsx, .xls or .csv).",
        )
    name = "".join(c for c in sent.filename if c.isprintable()).strip()[-MAX_FILE_NAME:]
    return content, name or "file"
