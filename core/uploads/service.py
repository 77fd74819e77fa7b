"""A file between upload and acceptance: kept as it came, previewed as often as one looks, written once.

Whoever drops it, or forgets it for a day, leaves nothing behind. The bytes go with the acceptance:
what a school needs of them is in its tables by then.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from core.kit.clock import now_utc
from core.kit.database import Command, Driver, Query
from core.uploads.errors import AlreadyAcceptedError, UploadNotFoundError

KEPT = timedelta(days=1)
MAX_LISTED = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """An uploaded file. `parameters`: what was chosen beside it, by name."""

    id: int
    kind: str
    file_name: str
    content: bytes = field(repr=False)
    parameters: Mapping[str, str]
    accepted_at: datetime | None


@dataclass(frozen=True, slots=True)
class UploadLine:
    """A file in the list of the last ones."""

    id: int
    kind: str
    file_name: str
    uploaded_by: str
    accepted_at: datetime | None
    created_at: datetime


FORGET_BEFORE = Command(
    "DELETE FROM import_batch WHERE school_id = $1 AND accepted_at IS NULL AND created_at < $2"
)
KEEP = Query(
    int,
    """
INSERT INTO import_batch (school_id, kind, file_name, content, parameters, uploaded_by)
VALUES ($1, $2, $3, $4, $5::jsonb, $6) RETURNING id
""",
)
UPLOAD = Query(
    Upload,
    """
SELECT id, kind, file_name, content, parameters, accepted_at
  FROM import_batch WHERE school_id = $1 AND id = $2
""",
)

# of two that accept one file at the same time, the second waits and finds it accepted
LOCK = Query(bool, "SELECT true FROM import_batch WHERE school_id = $1 AND id = $2 FOR UPDATE")
ACCEPT = Command(
    "UPDATE import_batch SET accepted_at = now(), content = '' WHERE school_id = $1 AND id = $2"
)
DROP = Command("DELETE FROM import_batch WHERE school_id = $1 AND id = $2 AND accepted_at IS NULL")
LAST = Query(
    UploadLine,
    """
SELECT id, kind, file_name, uploaded_by, accepted_at, created_at
  FROM import_batch WHERE school_id = $1 ORDER BY id DESC LIMIT $2
""",
)


async def keep_upload(
    db: Driver,
    school_id: int,
    *,
    kind: str,
    file_name: str,
    content: bytes,
    parameters: Mapping[str, str],
    actor: str,
) -> int:
    """Keep an uploaded file until it is accepted or dropped; returns its number."""
    await db.execute(FORGET_BEFORE, school_id, now_utc() - KEPT)
    return await db.fetch_only(
        KEEP, school_id, kind, file_name, content, json.dumps(dict(parameters)), actor
    )


async def find_upload(db: Driver, school_id: int, upload_id: int, *, lock: bool = False) -> Upload:
    """A file of this school that waits. Raises UploadNotFoundError, AlreadyAcceptedError."""
    if lock:
        await db.fetch_value(LOCK, school_id, upload_id)
    found = await db.fetch_one(UPLOAD, school_id, upload_id)
    if found is None:
        raise UploadNotFoundError
    if found.accepted_at is not None:
        raise AlreadyAcceptedError
    return found


async def mark_accepted(db: Driver, school_id: int, upload_id: int) -> None:
    """The file did its work: remember that, and let its bytes go."""
    await db.execute(ACCEPT, school_id, upload_id)


async def drop_upload(db: Driver, school_id: int, upload_id: int) -> None:
    """Forget a file that was not accepted; a file that is not there is no error."""
    await db.execute(DROP, school_id, upload_id)


async def last_uploads(db: Driver, school_id: int, limit: int = 10) -> list[UploadLine]:
    """The last files, newest first, without their bytes."""
    return await db.fetch(LAST, school_id, min(limit, MAX_LISTED))
