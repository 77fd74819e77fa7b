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
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncEngine

from core.identity.audit import audit
from core.identity.errors import (
    BadKeyNameError,
    BadUserError,
    BadUsernameError,
    KeyNameTakenError,
    LoginFailedError,
    TooManyAttemptsError,
    UnknownApiKeyError,
    UsernameTakenError,
)
from core.identity.passwords import (
    check_strength,
    hash_password,
    needs_rehash,
    verify_password,
)
from core.kit.clock import now_utc
from core.kit.database import Command, Driver, Query, transaction

SESSION_LIFE = timedelta(hours=12)
ATTEMPT_WINDOW = timedelta(minutes=15)
MAX_FAILURES_PER_NAME = 10
MAX_FAILURES_PER_IP = 30
API_KEY_PREFIX = "hpk_"

_USERNAME = re.compile(r"[a-z0-9][a-z0-9._@-]{2,63}")
_KEY_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z ._-]{0,63}")
_LOGIN_LOCK = 0x6C6F_6769  # "logi"


class Role(StrEnum):
    """What a person may do: an approver also approves what somebody else prepared."""

    ACCOUNTANT = "accountant"
    APPROVER = "approver"


@dataclass(frozen=True, slots=True)
class User:
    """A person signed in."""

    school_id: int
    id: int
    username: str
    display_name: str
    role: Role


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
        """Its name in the audit chain."""
        return f"api:{self.key_name}"


@dataclass(frozen=True, slots=True)
class _StoredUser:
    """A user as stored."""

    school_id: int
    id: int
    username: str
    display_name: str
    role: Role
    password_hash: str


@dataclass(frozen=True, slots=True)
class _FailureCounts:
    """Attempts of the window, by the name and by the address that are tried now."""

    by_name: int
    by_ip: int


@dataclass(frozen=True, slots=True)
class _KeyOwner:
    school_id: int
    name: str


NEW_USER = Query(
    int,
    """
INSERT INTO app_user (school_id, username, display_name, password_hash, role)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING id
""",
)

# people sign in by name alone: uq_app_user_username
ACCOUNT = Query(
    _StoredUser,
    "SELECT school_id, id, username, display_name, role, password_hash FROM app_user WHERE username = $1",
)
REHASH = Command("UPDATE app_user SET password_hash = $3 WHERE school_id = $1 AND id = $2")

# one attempt after the other, so that each sees those before it
LOCK_ATTEMPTS = Command("SELECT pg_advisory_xact_lock($1, 0)")

# by ix_login_attempt_recent
RECENT_ATTEMPTS = Query(
    _FailureCounts,
    """
SELECT count(*) FILTER (WHERE username = $1) AS by_name,
       count(*) FILTER (WHERE remote_ip = $2 AND $2 <> '') AS by_ip
  FROM login_attempt WHERE created_at > $3
""",
)
FORGET_ATTEMPTS_BEFORE = Command("DELETE FROM login_attempt WHERE created_at < $1")
FORGET_ATTEMPTS_OF = Command("DELETE FROM login_attempt WHERE username = $1")
COUNT_ATTEMPT = Command("INSERT INTO login_attempt (username, remote_ip) VALUES ($1, $2)")

FORGET_EXPIRED = Command("DELETE FROM session WHERE expires_at < now()")
OPEN_SESSION = Command(
    "INSERT INTO session (token_hash, school_id, user_id, expires_at) VALUES ($1, $2, $3, $4)"
)
CLOSE_SESSION = Command("DELETE FROM session WHERE token_hash = $1")
SESSION_USER = Query(
    User,
    """
SELECT u.school_id, u.id, u.username, u.display_name, u.role
  FROM session s JOIN app_user u ON u.school_id = s.school_id AND u.id = s.user_id
 WHERE s.token_hash = $1 AND s.expires_at > now()
""",
)

KEY_IN_USE = Query(
    int, "SELECT id FROM api_key WHERE school_id = $1 AND name = $2 AND revoked_at IS NULL LIMIT 1"
)
NEW_KEY = Query(
    int, "INSERT INTO api_key (school_id, name, key_hash) VALUES ($1, $2, $3) RETURNING id"
)
REVOKE_KEY = Query(
    int,
    """
UPDATE api_key SET revoked_at = now()
 WHERE school_id = $1 AND name = $2 AND revoked_at IS NULL RETURNING id
""",
)
KEY_OWNER = Query(
    _KeyOwner, "SELECT school_id, name FROM api_key WHERE key_hash = $1 AND revoked_at IS NULL"
)


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
    """Write a user; returns the id.

    Raises BadUsernameError, BadUserError, WeakPasswordError, UsernameTakenError.
    """
    name = username.strip().casefold()
    if not _USERNAME.fullmatch(name):
        raise BadUsernameError
    shown = " ".join(display_name.split())
    if role not in set(Role) or not shown or len(shown) > 100 or not shown.isprintable():
        raise BadUserError
    check_strength(password, name)
    user_id = await db.fetch_value(
        NEW_USER,
        school_id,
        name,
        shown,
        await hash_password(password),
        role,
    )
    if user_id is None:
        raise UsernameTakenError
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
    is rolled back, and no connection waits while argon2 works. Raises LoginFailedError (which of the
    two was wrong is not revealed), TooManyAttemptsError.
    """
    name = username.strip().casefold()[:64].replace("\0", "")
    async with transaction(engine) as db:
        is_allowed = await _count_attempt(db, name, remote_ip[:64])
        account = await db.fetch_one(ACCOUNT, name)
    if not is_allowed:
        raise TooManyAttemptsError(minutes=int(ATTEMPT_WINDOW.total_seconds() // 60))
    is_right = await verify_password(account.password_hash if account else None, password)
    if account is None or not is_right:
        raise LoginFailedError
    user = User(account.school_id, account.id, account.username, account.display_name, account.role)
    fresh_hash = await hash_password(password) if needs_rehash(account.password_hash) else None
    async with transaction(engine) as db:
        token = await _open_session(db, user, fresh_hash)
    return LoggedIn(token, user)


async def _count_attempt(db: Driver, name: str, remote_ip: str) -> bool:
    """Count an attempt before it is judged, so that attempts side by side see one another."""
    await db.execute(LOCK_ATTEMPTS, _LOGIN_LOCK)
    since = now_utc() - ATTEMPT_WINDOW
    failures = await db.fetch_only(RECENT_ATTEMPTS, name, remote_ip, since)
    if failures.by_name >= MAX_FAILURES_PER_NAME or failures.by_ip >= MAX_FAILURES_PER_IP:
        return False  # not counted again: who waits for the window gets in
    await db.execute(FORGET_ATTEMPTS_BEFORE, since)
    await db.execute(COUNT_ATTEMPT, name, remote_ip)
    return True


async def _open_session(db: Driver, user: User, fresh_hash: str | None) -> str:
    token = secrets.token_urlsafe(32)
    await db.execute(FORGET_ATTEMPTS_OF, user.username)
    await db.execute(FORGET_EXPIRED)
    if fresh_hash:
        await db.execute(REHASH, user.school_id, user.id, fresh_hash)
    await db.execute(OPEN_SESSION, _hash(token), user.school_id, user.id, now_utc() + SESSION_LIFE)
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
    return await db.fetch_one(SESSION_USER, _hash(token))


async def log_out(db: Driver, token: str) -> None:
    """End a session; an unknown token is no error."""
    await db.execute(CLOSE_SESSION, _hash(token))


async def create_api_key(db: Driver, school_id: int, name: str, *, actor: str = "operator") -> str:
    """Make a key for a school's software; it is shown this once.

    Raises BadKeyNameError, or KeyNameTakenError when a key in use has the name (it is in the audit
    chain and in approvals, so it names one key).
    """
    if not _KEY_NAME.fullmatch(name):
        raise BadKeyNameError
    if await db.fetch_value(KEY_IN_USE, school_id, name) is not None:
        raise KeyNameTakenError
    key = API_KEY_PREFIX + secrets.token_urlsafe(32)
    key_id = await db.fetch_only(NEW_KEY, school_id, name, _hash(key))
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
    """End a key's use at once. Raises UnknownApiKeyError when no key in use has the name."""
    key_id = await db.fetch_value(REVOKE_KEY, school_id, name)
    if key_id is None:
        raise UnknownApiKeyError
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
    owner = await db.fetch_one(KEY_OWNER, _hash(key))
    return ApiCaller(owner.school_id, owner.name) if owner else None


def _hash(token: str) -> bytes:
    """Tokens and keys are 256 random bits: one SHA-256 is enough to store them by."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
