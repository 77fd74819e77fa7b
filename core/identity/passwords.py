"""Passwords: argon2id with the library's defaults, off the event loop. Never logged, never returned."""

from __future__ import annotations

import asyncio
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from core.identity.errors import WeakPasswordError

MIN_LENGTH, MAX_LENGTH = 10, 256

_hasher = PasswordHasher()  # RFC 9106, the low-memory choice: 64 MiB, 3 passes


def _typed(password: str) -> str:
    """One spelling of what keyboards type in several: Vietnamese letters come composed or not."""
    return unicodedata.normalize("NFKC", password)


def check_strength(password: str, username: str) -> None:
    """Length and nothing personal (NIST SP 800-63B: no rules of composition). Raises WeakPasswordError."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH or username.casefold() in password.casefold():
        raise WeakPasswordError(min_length=MIN_LENGTH)


async def hash_password(password: str) -> str:
    """The argon2id hash to store; takes about 50 ms of a thread."""
    return await asyncio.to_thread(_hasher.hash, _typed(password))


async def verify_password(stored: str | None, password: str) -> bool:
    """Whether the password is that of `stored`. Without one, the same work is done for nothing."""
    return await asyncio.to_thread(_verify, stored, password[:MAX_LENGTH])


def needs_rehash(stored: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(stored)


def _verify(stored: str | None, password: str) -> bool:
    try:
        _hasher.verify(stored or _nobodys_hash(), _typed(password))
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


@cache
def _nobodys_hash() -> str:
    return _hasher.hash("nobody's password")
