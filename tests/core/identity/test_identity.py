"""Who may enter: passwords, sessions, API keys, and how guessing is stopped."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from core.identity import service
from core.identity.service import (
    MAX_FAILURES_PER_IP,
    MAX_FAILURES_PER_NAME,
    SESSION_LIFE,
    caller_of_key,
    create_api_key,
    create_user,
    log_in,
    log_out,
    revoke_api_key,
    user_of,
)
from core.kit.clock import now_utc
from core.kit.database import Driver, transaction
from core.kit.errors import DomainError
from core.schools.service import create_school

PASSWORD = "mật khẩu rất dài"


@pytest.fixture
async def school_id(engine: AsyncEngine) -> int:
    async with transaction(engine) as db:
        return await new_school(db)


async def new_school(db: Driver, code: str = "TH01") -> int:
    return await create_school(
        db, code=code, name="TH", address="", province="", accounting_regime="TT24/2024"
    )


async def new_user(engine: AsyncEngine, school_id: int, username: str = "Lan") -> int:
    async with transaction(engine) as db:
        return await create_user(
            db,
            school_id,
            username=username,
            display_name="Trần Thị Lan",
            password=PASSWORD,
            role="accountant",
        )


async def school_of_key(db: Driver, key: str) -> int | None:
    caller = await caller_of_key(db, key)
    return caller.school_id if caller else None


async def refusal(engine: AsyncEngine, username: str, password: str, ip: str = "1.2.3.4") -> str:
    with pytest.raises(DomainError) as caught:
        await log_in(engine, username, password, ip)
    return caught.value.code


async def attempts(engine: AsyncEngine) -> int:
    async with transaction(engine) as db:
        count: int = await db.raw.fetchval("SELECT count(*) FROM login_attempt")
        return count


async def test_a_session_from_login_to_logout(engine: AsyncEngine, school_id: int) -> None:
    user_id = await new_user(engine, school_id)
    logged_in = await log_in(engine, " LAN ", PASSWORD, "1.2.3.4")
    assert (logged_in.user.id, logged_in.user.school_id) == (user_id, school_id)
    assert (logged_in.user.username, logged_in.user.role) == ("lan", "accountant")
    assert logged_in.token not in repr(logged_in)
    async with transaction(engine) as db:
        assert await user_of(db, logged_in.token) == logged_in.user
        assert await user_of(db, logged_in.token + "x") is None
        assert await user_of(db, "") is None
        row = await db.raw.fetchrow("SELECT * FROM session")
        assert logged_in.token.encode() not in bytes(row["token_hash"])
        assert abs(row["expires_at"] - now_utc() - SESSION_LIFE) < timedelta(minutes=5)
        await log_out(db, logged_in.token)
        assert await user_of(db, logged_in.token) is None


async def test_an_expired_session_is_none(engine: AsyncEngine, school_id: int) -> None:
    await new_user(engine, school_id)
    token = (await log_in(engine, "lan", PASSWORD, "")).token
    async with transaction(engine) as db:
        await db.raw.execute("UPDATE session SET expires_at = now() - interval '1 second'")
        assert await user_of(db, token) is None


async def test_a_password_is_stored_as_argon2id_and_typed_in_any_spelling(
    engine: AsyncEngine, school_id: int
) -> None:
    await new_user(engine, school_id)
    async with transaction(engine) as db:
        stored = await db.raw.fetchval("SELECT password_hash FROM app_user")
    assert stored.startswith("$argon2id$")
    decomposed = "mật khẩu rất dài"
    assert (await log_in(engine, "lan", decomposed, "")).user.username == "lan"


async def test_a_wrong_name_and_a_wrong_password_look_the_same(
    engine: AsyncEngine, school_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await new_user(engine, school_id)
    judged: list[bool] = []
    real = service.verify_password

    async def seen(stored: str | None, password: str) -> bool:
        judged.append(stored is not None)
        return await real(stored, password)

    monkeypatch.setattr(service, "verify_password", seen)
    assert await refusal(engine, "lan", "sai") == "login_failed"
    assert await refusal(engine, "nobody", PASSWORD) == "login_failed"
    assert await refusal(engine, "lan\0", "x" * 100_000) == "login_failed"
    assert judged == [True, False, True]  # the same work is done for an unknown name
    assert await attempts(engine) == 3


async def test_guessing_a_password_is_stopped(engine: AsyncEngine, school_id: int) -> None:
    await new_user(engine, school_id)
    for number in range(MAX_FAILURES_PER_NAME):
        assert await refusal(engine, "lan", "sai", f"1.1.1.{number}") == "login_failed"
    assert await refusal(engine, "LAN", PASSWORD, "9.9.9.9") == "too_many_attempts"
    assert await attempts(engine) == MAX_FAILURES_PER_NAME
    async with transaction(engine) as db:  # the window passes
        await db.raw.execute("UPDATE login_attempt SET created_at = now() - interval '16 minutes'")
    assert (await log_in(engine, "lan", PASSWORD, "9.9.9.9")).user.username == "lan"
    assert await attempts(engine) == 0


async def test_guesses_side_by_side_are_counted_too(engine: AsyncEngine, school_id: int) -> None:
    await new_user(engine, school_id)
    told = await asyncio.gather(
        *(refusal(engine, "lan", "sai") for _ in range(MAX_FAILURES_PER_NAME + 5))
    )
    assert told.count("login_failed") == MAX_FAILURES_PER_NAME
    assert told.count("too_many_attempts") == 5


async def test_one_address_may_not_try_every_name(engine: AsyncEngine, school_id: int) -> None:
    await new_user(engine, school_id)
    async with transaction(engine) as db:
        await db.raw.execute(
            "INSERT INTO login_attempt (username, remote_ip)"
            " SELECT 'u' || n, '1.2.3.4' FROM generate_series(1, $1) AS n",
            MAX_FAILURES_PER_IP,
        )
    assert await refusal(engine, "lan", PASSWORD) == "too_many_attempts"
    assert (await log_in(engine, "lan", PASSWORD, "5.6.7.8")).user.username == "lan"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"username": "x"}, "bad_username"),
        ({"username": "có dấu"}, "bad_username"),
        ({"password": "ngắn"}, "weak_password"),
        ({"password": "LAN-0123456789"}, "weak_password"),
        ({"role": "admin"}, "bad_user"),
        ({"display_name": " "}, "bad_user"),
    ],
)
async def test_a_bad_user(
    engine: AsyncEngine, school_id: int, change: dict[str, str], code: str
) -> None:
    given = {"username": "lan", "display_name": "Lan", "password": PASSWORD, "role": "approver"}
    async with transaction(engine) as db:
        with pytest.raises(DomainError) as caught:
            await create_user(db, school_id, **{**given, **change})
        assert caught.value.code == code


async def test_a_username_belongs_to_one_person_anywhere(
    engine: AsyncEngine, school_id: int
) -> None:
    await new_user(engine, school_id)
    async with transaction(engine) as db:
        other = await new_school(db, "TH02")
    with pytest.raises(DomainError, match="username_taken"):
        await new_user(engine, other, "lan")


async def test_an_api_key_opens_one_school_until_it_is_revoked(
    engine: AsyncEngine, school_id: int
) -> None:
    async with transaction(engine) as db:
        key = await create_api_key(db, school_id, "SMAS")
        caller = await caller_of_key(db, key)
        assert caller is not None
        assert (caller.school_id, caller.actor) == (school_id, "api:SMAS")
        assert await school_of_key(db, key) == school_id
        assert await school_of_key(db, key[:-1]) is None
        assert await school_of_key(db, "\ud800") is None
        stored = await db.raw.fetchval("SELECT key_hash FROM api_key")
        assert key.encode() not in bytes(stored)
        with pytest.raises(DomainError, match="key_name_taken"):
            await create_api_key(db, school_id, "SMAS")
        await revoke_api_key(db, school_id, "SMAS")
        assert await school_of_key(db, key) is None
        with pytest.raises(DomainError, match="not_found"):
            await revoke_api_key(db, school_id, "SMAS")
