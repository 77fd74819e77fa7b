"""Keys rotate in place: the address stays, only what is named changes, and no value is ever told."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine
from support.errors import status_of
from support.factories import KEYS, SECRETS, SETTINGS, World, make_world, merchant_in
from support.serving import BASE_URL, gateway_client

from adapters import IPN
from core.identity.audit import verify_chain
from core.kit.database import transaction
from core.kit.errors import DomainError
from core.merchants import directory as merchants
from core.merchants.credentials import check_credentials, replace_credentials
from sandbox import casso
from sandbox.keys import BANK, SCHOOL
from sandbox.provider import Merchant, Movement, send


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    async with transaction(engine) as db:
        return await make_world(db, [500_000])


async def replaced(
    engine: AsyncEngine,
    world: World,
    adapter: str,
    *,
    secrets: dict[str, str] | None = None,
    settings: dict[str, str] | None = None,
    school_id: int = 0,
) -> tuple[str, ...]:
    """What changed of the world's account with a provider."""
    async with transaction(engine) as db:
        return await replace_credentials(
            db,
            KEYS,
            school_id or world.school_id,
            world.merchants[adapter][0],
            secrets=secrets or {},
            settings=settings or {},
            actor="operator",
        )


async def kept(
    engine: AsyncEngine, world: World, adapter: str
) -> tuple[dict[str, str], dict[str, str]]:
    """(secrets, settings) as the gateway has them now."""
    async with transaction(engine) as db:
        account = (await merchant_in(db, world, adapter)).account
    return dict(account.secrets), dict(account.settings)


async def notified_of(engine: AsyncEngine) -> list[str]:
    """What the audit chain says of credentials, as it stands in the database."""
    async with transaction(engine) as db:
        rows = await db.raw.fetch(
            "SELECT detail::text FROM audit_entry WHERE action = 'channel.credentials_replaced'"
            " ORDER BY id"
        )
    return [row[0] for row in rows]


async def test_only_what_is_named_changes_and_only_names_are_notified(
    engine: AsyncEngine, world: World
) -> None:
    both = f"{BANK.public_pem}\n{SCHOOL.public_pem}"
    changed = await replaced(
        engine,
        world,
        "vietinbank",
        secrets={"bank_public_keys": both},
        settings={"provider_id": "9112", "networks": SETTINGS["vietinbank"]["networks"]},
    )
    assert changed == ("secrets.bank_public_keys", "settings.provider_id")
    secrets, settings = await kept(engine, world, "vietinbank")
    assert secrets == SECRETS["vietinbank"] | {"bank_public_keys": both}
    assert settings == SETTINGS["vietinbank"] | {"provider_id": "9112"}
    (detail,) = await notified_of(engine)
    assert json.loads(detail) == {"adapter": "vietinbank", "changed": list(changed)}
    async with transaction(engine) as db:
        assert (await verify_chain(db, world.school_id)).broken_at is None
        sealed = await db.raw.fetchval(
            "SELECT sealed_secrets FROM merchant_account WHERE id = $1",
            world.merchants["vietinbank"][0],
        )
    assert b"PUBLIC KEY" not in sealed


async def test_the_same_values_again_are_no_change(engine: AsyncEngine, world: World) -> None:
    new = {"hash_secret": "another secret"}
    assert await replaced(engine, world, "vnpay", secrets=new) == ("secrets.hash_secret",)
    assert await replaced(engine, world, "vnpay", secrets=new) == ()
    assert await replaced(engine, world, "vnpay", settings={"refund_done": ""}) == ()
    assert len(await notified_of(engine)) == 1


async def test_an_empty_value_takes_an_optional_one_away(engine: AsyncEngine, world: World) -> None:
    changed = await replaced(
        engine, world, "bidv", secrets={"bearer": ""}, settings={"separator": "|"}
    )
    assert changed == ("secrets.bearer", "settings.separator")
    assert await kept(engine, world, "bidv") == (
        {"secret": SECRETS["bidv"]["secret"]},
        SETTINGS["bidv"] | {"separator": "|"},
    )
    assert await replaced(engine, world, "bidv", settings={"separator": ""}) == (
        "settings.separator",
    )
    assert (await kept(engine, world, "bidv"))[1] == SETTINGS["bidv"]


@pytest.mark.parametrize(
    ("adapter", "secrets", "settings", "columns"),
    [
        ("vnpay", {"hash_secret": ""}, {}, ["secrets.hash_secret"]),
        ("vnpay", {"hash_secret": " "}, {"tmn_code": ""}, ["secrets.hash_secret", "settings.tmn_code"]),
        ("vnpay", {"hash_sekret": "VALUE"}, {}, ["secrets.hash_sekret"]),
        ("vnpay", {"hash_sekret": ""}, {}, ["secrets.hash_sekret"]),
        ("vnpay", {"tmn_code": "VALUE"}, {}, ["secrets.tmn_code"]),
        ("sepay", {"hmac_secret": ""}, {}, ["secrets.hmac_secret"]),
        ("sepay", {}, {"auth": "none"}, ["settings.auth"]),
        ("mb", {"access_key": ""}, {"push": "mms"}, ["secrets.access_key"]),
        ("bidv", {}, {"separator": 7}, ["settings.separator"]),
    ],
)  # fmt: skip
async def test_a_bad_replacement_changes_nothing(
    engine: AsyncEngine,
    world: World,
    adapter: str,
    secrets: dict[str, str],
    settings: dict[str, str],
    columns: list[str],
) -> None:
    before = await kept(engine, world, adapter)
    with pytest.raises(DomainError) as caught:
        await replaced(
            engine, world, adapter,
            secrets={"api_key": "NEW VALUE", **secrets} if adapter == "sepay" else secrets,
            settings=settings,
        )  # fmt: skip
    assert (caught.value.code, status_of(caught.value)) == ("bad_credentials", 422)
    assert sorted(fault.column for fault in caught.value.faults) == columns
    assert "VALUE" not in str(caught.value.faults)
    assert await kept(engine, world, adapter) == before
    assert await notified_of(engine) == []


async def test_a_name_that_an_adapter_no_longer_knows_can_be_taken_away(
    engine: AsyncEngine, world: World
) -> None:
    async with transaction(engine) as db:
        await db.raw.execute(
            """UPDATE merchant_account SET settings = settings || '{"of_old": "1"}' WHERE id = $1""",
            world.merchants["vnpay"][0],
        )
    with pytest.raises(DomainError) as caught:
        await replaced(engine, world, "vnpay", secrets={"hash_secret": "new"})
    assert [fault.column for fault in caught.value.faults] == ["settings.of_old"]
    changed = await replaced(
        engine, world, "vnpay", secrets={"hash_secret": "new"}, settings={"of_old": ""}
    )
    assert changed == ("secrets.hash_secret", "settings.of_old")
    assert (await kept(engine, world, "vnpay"))[1] == SETTINGS["vnpay"]


async def test_accounts_that_are_not_the_schools_or_have_no_keys(
    engine: AsyncEngine, world: World
) -> None:
    async with transaction(engine) as db:
        other = await make_world(db, [500_000], code="TH02")
    with pytest.raises(DomainError, match="not_found"):
        await replaced(engine, world, "vnpay", secrets={"hash_secret": "x"}, school_id=other.school_id)  # fmt: skip
    with pytest.raises(DomainError, match="no_credentials"):
        await replaced(engine, world, "statement", secrets={"key": "x"})
    assert (await kept(engine, world, "vnpay"))[0] == SECRETS["vnpay"]


async def test_the_address_stays_and_takes_what_the_new_key_signs(
    engine: AsyncEngine, world: World, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merchants, "CACHE_S", 0.0)  # a process that has forgotten the old key
    new = "a-new-checksum-key"

    async def push(client: httpx.AsyncClient, key: str, sequence: int) -> bool:
        """Casso tells of a transfer, signed with `key`; whether it was taken."""
        merchant = Merchant(
            provider="casso",
            ipn_url=f"{BASE_URL}/ipn/casso/{world.merchants['casso'][1]}",
            account_number=world.bank_number,
            settings={},
            secrets={"checksum_key": key},
        )
        movement = Movement(
            sequence=sequence,
            amount_vnd=100_000,
            at=datetime.now(UTC),
            content=world.invoices[0].reference,
            account_number=world.bank_number,
            bank_transaction_id=f"FT{sequence}",
        )
        message = await casso.message(client, movement, merchant)
        return casso.is_final(await send(client, merchant, message))

    async with gateway_client(database_url) as client:
        old = SECRETS["casso"]["checksum_key"]
        assert await push(client, old, 1)
        assert not await push(client, new, 2)
        await replaced(engine, world, "casso", secrets={"checksum_key": new})
        assert await push(client, new, 2)
        assert not await push(client, old, 3)
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT count(*) FROM payment") == 2


TEXTS = st.dictionaries(
    st.sampled_from(["a", "secret", "auth", "api_key", ""]), st.text() | st.none()
)


@given(adapter=st.sampled_from(sorted(IPN)), secrets=TEXTS, settings=TEXTS)
def test_whatever_is_given_is_checked_or_refused_by_name(
    adapter: str, secrets: dict[str, str], settings: dict[str, str]
) -> None:
    with pytest.raises(DomainError) as caught:
        check_credentials(adapter, secrets, settings)
    assert caught.value.code == "bad_credentials"
    assert all(fault.value == "" for fault in caught.value.faults)


@pytest.mark.parametrize("prefix", ["toolongprefix", "ABCDEFGH", "A-1", "đa"])
def test_a_prefix_that_fits_no_virtual_account_is_refused(prefix: str) -> None:
    secrets = {"username": "u", "password": "p", "jwt_secret": "j" * 32}
    with pytest.raises(DomainError) as caught:
        check_credentials("mb", secrets, {"va_prefix": prefix})
    assert [fault.column for fault in caught.value.faults] == ["settings.va_prefix"]
    check_credentials("mb", secrets, {"va_prefix": "MBHP1"})
