"""People and machines that may enter: users, sessions and API keys.

Only hashes of passwords, tokens and keys are stored. Guessing is slowed per name and per address;
an unknown name costs the guesser the same time as a wrong password.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from core.identity.audit import audit
from core.identity.passwords import (
    check_strength,
    hash_password,
    needs_rehash,
    verify_password,
)
from core.kit.clock import now_utc
from core.kit.database import Driver, transaction
from core.kit.errors import Problem

SESSION_LIFE = timedelta(hours=12)
ATTEMPT_WINDOW = timedelta(minutes=15)
MAX_FAILURES_PER_NAME = 10
MAX_FAILURES_PER_IP = 30
ROLES = ("accountant", "approver")
API_KEY_PREFIX = "hpk_"

_USERNAME = re.compile(r"[a-z0-9][a-z0-9._@-]{2,63}")
_KEY_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z ._-]{0,63}")
_LOGIN_LOCK = 0x6C6F_6769  # "logi"


@dataclass(frozen=True, slots=True)
class User:
    """A person signed in. `role`: "accountant" works, "approver" also approves others' schedules."""

    school_id: int
    id: int
    username: str
    display_name: str
    role: str


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A new session: `token` goes into the cookie and is stored nowhere."""

    token: str
    user: User

    def __repr__(self) -> str:
        return f"LoggedIn(user={self.user.id})"


@dataclass(frozen=True, slots=True)
class ApiCaller:
    """The machine behind an API key."""

    school_id: int
    key_name: str

    @property
    def actor(self) -> str:
        """How it stands in the audit chain."""
        return f"api:{self.key_name}"


async def create_user(
    db: Driver,
    school_id: int,
    *,
    username: str,
    display_name: str,
    password: str,
    role: str,
    actor: str = "operator",
) -> int:
    """Write a user; returns the id. Raises Problem: 422 for a bad value, 409 when the name is taken."""
    name = username.strip().casefold()
    if not _USERNAME.fullmatch(name):
        raise Problem(
            "bad_username",
            vi="Tên đăng nhập gồm 3-64 chữ cái không dấu, chữ số và . _ @ -",
            en="A username has 3-64 unaccented letters, digits and . _ @ -",
            status=422,
        )
    shown = " ".join(display_name.split())
    if role not in ROLES or not shown or len(shown) > 100 or not shown.isprintable():
        raise Problem(
            "bad_user",
            vi="Cần tên hiển thị (tối đa 100 ký tự) và vai trò accountant hoặc approver.",
            en="A display name (at most 100 characters) and a role, accountant or approver, are needed.",
            status=422,
        )
    check_strength(password, name)
    user_id: int | None = await db.raw.fetchval(
        "INSERT INTO app_user (school_id, username, display_name, password_hash, role)"
        " VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING id",
        school_id,
        name,
        shown,
        await hash_password(password),
        role,
    )
    if user_id is None:
        raise Problem(
            "username_taken",
            vi="Tên đăng nhập này đã có người dùng.",
            en="The username is taken.",
            status=409,
        )
    await audit(
        db,
        school_id,
        actor=actor,
        action="user_created",
        subject=f"user:{user_id}",
        detail={"role": role},
    )
    return user_id


async def log_in(engine: AsyncEngine, username: str, password: str, remote_ip: str) -> LoggedIn:
    """Open a session for a name and a password.

    Takes the engine, not a transaction: a failed attempt must stay counted when the caller's work
    is rolled back, and no connection waits while argon2 works. Raises Problem: 401 `login_failed`
    (which of the two was wrong is not said), 429 `too_many_attempts`.
    """
    name = username.strip().casefold()[:64].replace("\0", "")
    async with transaction(engine) as db:
        is_allowed = await _count_attempt(db, name, remote_ip[:64])
        row = await db.raw.fetchrow("SELECT * FROM app_user WHERE username = $1", name)
    if not is_allowed:
        minutes = int(ATTEMPT_WINDOW.total_seconds() // 60)
        raise Problem(
            "too_many_attempts",
            vi=f"Đăng nhập sai quá nhiều lần; hãy thử lại sau {minutes} phút.",
            en=f"Too many failed attempts; try again in {minutes} minutes.",
            status=429,
        )
    is_right = await verify_password(row["password_hash"] if row else None, password)
    if row is None or not is_right:
        raise Problem(
            "login_failed",
            vi="Tên đăng nhập hoặc mật khẩu không đúng.",
            en="Wrong username or password.",
            status=401,
        )
    user = User(row["school_id"], row["id"], row["username"], row["display_name"], row["role"])
    fresh_hash = await hash_password(password) if needs_rehash(row["password_hash"]) else None
    async with transaction(engine) as db:
        token = await _open_session(db, user, fresh_hash)
    return LoggedIn(token, user)


async def _count_attempt(db: Driver, name: str, remote_ip: str) -> bool:
    """Count an attempt before it is judged, so that attempts side by side see one another."""
    await db.raw.execute("SELECT pg_advisory_xact_lock($1, 0)", _LOGIN_LOCK)
    since = now_utc() - ATTEMPT_WINDOW
    counts = await db.raw.fetchrow(
        """
        SELECT count(*) FILTER (WHERE username = $1) AS by_name,
               count(*) FILTER (WHERE remote_ip = $2 AND $2 <> '') AS by_ip
          FROM login_attempt WHERE created_at > $3
        """,
        name,
        remote_ip,
        since,
    )
    if counts["by_name"] >= MAX_FAILURES_PER_NAME or counts["by_ip"] >= MAX_FAILURES_PER_IP:
        return False  # not counted again: who waits for the window gets in
    await db.raw.execute("DELETE FROM login_attempt WHERE created_at < $1", since)
    await db.raw.execute(
        "INSERT INTO login_attempt (username, remote_ip) VALUES ($1, $2)", name, remote_ip
    )
    return True


async def _open_session(db: Driver, user: User, fresh_hash: str | None) -> str:
    token = secrets.token_urlsafe(32)
    await db.raw.execute("DELETE FROM login_attempt WHERE username = $1", user.username)
    await db.raw.execute("DELETE FROM session WHERE expires_at < now()")
    if fresh_hash:
        await db.raw.execute(
            "UPDATE app_user SET password_hash = $3 WHERE school_id = $1 AND id = $2",
            user.school_id,
            user.id,
            fresh_hash,
        )
    await db.raw.execute(
        "INSERT INTO session (token_hash, school_id, user_id, expires_at) VALUES ($1, $2, $3, $4)",
        _hash(token),
        user.school_id,
        user.id,
        now_utc() + SESSION_LIFE,
    )
    await audit(
        db,
        user.school_id,
        actor=user.username,
        action="logged_in",
        subject=f"user:{user.id}",
        detail={},
    )
    return token


async def user_of(db: Driver, token: str) -> User | None:
    """The person behind a session's token; None when there is none or it has expired."""
    row = await db.raw.fetchrow(
        """
        SELECT u.school_id, u.id, u.username, u.display_name, u.role
          FROM session s JOIN app_user u ON u.school_id = s.school_id AND u.id = s.user_id
         WHERE s.token_hash = $1 AND s.expires_at > now()
        """,
        _hash(token),
    )
    return User(*row) if row else None


async def log_out(db: Driver, token: str) -> None:
    """End a session; an unknown token is no error."""
    await db.raw.execute("DELETE FROM session WHERE token_hash = $1", _hash(token))


async def create_api_key(db: Driver, school_id: int, name: str, *, actor: str = "operator") -> str:
    """Make a key for a school's software; it is shown this once.

    Raises Problem: 422 for a bad name, 409 when a key in use has the name (it stands in the audit
    chain and in approvals, so it names one key).
    """
    if not _KEY_NAME.fullmatch(name):
        raise Problem(
            "bad_key_name",
            vi="Tên khóa gồm 1-64 chữ cái không dấu, chữ số, khoảng trắng và . _ -",
            en="A key's name has 1-64 unaccented letters, digits, spaces and . _ -",
            status=422,
        )
    if await db.raw.fetchval(
        "SELECT true FROM api_key WHERE school_id = $1 AND name = $2 AND revoked_at IS NULL",
        school_id,
        name,
    ):
        raise Problem(
            "key_name_taken",
            vi="Đã có khóa đang dùng mang tên này.",
            en="A key in use has this name.",
            status=409,
        )
    key = API_KEY_PREFIX + secrets.token_urlsafe(32)
    key_id = await db.raw.fetchval(
        "INSERT INTO api_key (school_id, name, key_hash) VALUES ($1, $2, $3) RETURNING id",
        school_id,
        name,
        _hash(key),
    )
    await audit(
        db,
        school_id,
        actor=actor,
        action="api_key_created",
        subject=f"api_key:{key_id}",
        detail={"name": name},
    )
    return key


async def revoke_api_key(db: Driver, school_id: int, name: str, *, actor: str = "operator") -> None:
    """End a key's use at once. Raises Problem (404) when no key in use has the name."""
    key_id = await db.raw.fetchval(
        "UPDATE api_key SET revoked_at = now()"
        " WHERE school_id = $1 AND name = $2 AND revoked_at IS NULL RETURNING id",
        school_id,
        name,
    )
    if key_id is None:
        raise Problem(
            "not_found", vi="Không có khóa nào mang tên này.", en="No such key.", status=404
        )
    await audit(
        db,
        school_id,
        actor=actor,
        action="api_key_revoked",
        subject=f"api_key:{key_id}",
        detail={"name": name},
    )


async def caller_of_key(db: Driver, key: str) -> ApiCaller | None:
    """The caller behind an API key; None when it is unknown or revoked."""
    row = await db.raw.fetchrow(
        "SELECT school_id, name FROM api_key WHERE key_hash = $1 AND revoked_at IS NULL", _hash(key)
    )
    return ApiCaller(row["school_id"], row["name"]) if row else None


async def school_of_key(db: Driver, key: str) -> int | None:
    """The school of an API key; None when it is unknown or revoked."""
    caller = await caller_of_key(db, key)
    return caller.school_id if caller else None


def _hash(token: str) -> bytes:
    """Tokens and keys are 256 random bits: one SHA-256 is enough to store them by."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
