"""A school and its accounts: checked whole before anything is written, credentials sealed."""

from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.errors import status_of

from core.kit.database import Driver, transaction
from core.kit.errors import DomainError
from core.kit.seal import Keys
from core.merchants.directory import find_merchant
from core.merchants.service import add_bank_account, add_merchant_account
from core.payments.ingest.inbound import receiving_accounts
from core.schools.service import create_school

KEYS = Keys(master=b"m" * 32, reference=b"r" * 32)
VNPAY = {
    "tmn_code": "HOCPHI01",
    "pay_url": "https://pay.example/",
    "query_url": "https://q.example/",
}


async def new_school(db: Driver, code: str = "TH01") -> int:
    return await create_school(
        db,
        code=code,
        name="  Trường Tiểu học\nHoa Sen ",
        address="1 Lê Lợi",
        province="TP. Hồ Chí Minh",
        accounting_regime="TT24/2024",
    )


async def new_account(db: Driver, school_id: int, number: str = "0071 000-123.456") -> int:
    return await add_bank_account(
        db, school_id, bin="970436", number=number, holder="Trường Tiểu học Hoa Sen"
    )


async def test_a_school_is_ready_to_receive_money(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        school_id = await new_school(db)
        account_id = await new_account(db, school_id)
        account = await db.raw.fetchrow("SELECT * FROM bank_account WHERE id = $1", account_id)
        assert (account["number"], account["holder"], account["is_default"]) == (
            "0071000123456",
            "TRUONG TIEU HOC HOA SEN",
            True,
        )
        statement = await db.raw.fetchrow("SELECT * FROM merchant_account")
        assert (statement["adapter"], statement["settlement"], statement["bank_account_id"]) == (
            "statement",
            "direct",
            account_id,
        )
        merchant = await find_merchant(db, KEYS, "statement", statement["account_key"])
        assert merchant is not None
        assert merchant.account.secrets == {}
        assert receiving_accounts(merchant, "0071000123456")[0] == account_id
        assert await db.raw.fetchval("SELECT name FROM school") == "Trường Tiểu học Hoa Sen"


async def test_a_merchant_account_opens_only_under_the_key(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        school_id = await new_school(db)
        account_id = await new_account(db, school_id)
        made = await add_merchant_account(
            db,
            KEYS,
            school_id,
            adapter="vnpay",
            bank_account_id=account_id,
            settlement="batch",
            secrets={"hash_secret": "TOP-SECRET"},
            settings=VNPAY,
        )
        assert len(made.account_key) == 32
        assert made.account_key.isalnum()
        sealed = await db.raw.fetchval(
            "SELECT sealed_secrets FROM merchant_account WHERE id = $1", made.id
        )
        assert b"TOP-SECRET" not in sealed
        merchant = await find_merchant(db, KEYS, "vnpay", made.account_key)
        assert merchant is not None
        assert merchant.account.secrets == {"hash_secret": "TOP-SECRET"}
        assert merchant.account.settings == VNPAY
        assert receiving_accounts(merchant, "")[1] == merchant.clearing_account_id


async def test_the_default_account_is_one(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        school_id = await new_school(db)
        await new_account(db, school_id)
        await new_account(db, school_id, "1111")
        assert await default_number(db) == ["0071000123456"]
        await add_bank_account(
            db, school_id, bin="970422", number="2222", holder="TH", is_default=True
        )
        assert await default_number(db) == ["2222"]


async def default_number(db: Driver) -> list[str]:
    return [
        row[0] for row in await db.raw.fetch("SELECT number FROM bank_account WHERE is_default")
    ]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"bin": "000000"}, "unknown_bank"),
        ({"bin": "97043"}, "unknown_bank"),
        ({"number": "123"}, "bad_account_number"),
        ({"number": "1" * 20}, "bad_account_number"),
        ({"number": "12;34"}, "bad_account_number"),
        ({"holder": "  "}, "bad_text"),
    ],
)
async def test_a_bad_bank_account(engine: AsyncEngine, change: dict[str, str], code: str) -> None:
    given = {"bin": "970436", "number": "0071000123456", "holder": "TH HOA SEN", **change}
    async with transaction(engine) as db:
        school_id = await new_school(db)
        with pytest.raises(DomainError) as caught:
            await add_bank_account(db, school_id, **given)
        assert (caught.value.code, status_of(caught.value)) == (code, 422)
        assert await db.raw.fetchval("SELECT count(*) FROM bank_account") == 0


async def test_what_exists_is_not_made_again(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        school_id = await new_school(db)
        with pytest.raises(DomainError, match="school_exists"):
            await new_school(db)
        await new_account(db, school_id)
        with pytest.raises(DomainError, match="bank_account_exists"):
            await new_account(db, school_id)
        with pytest.raises(DomainError, match="not_found"):
            await new_account(db, school_id + 1)


@pytest.mark.parametrize(
    ("adapter", "secrets", "settings", "columns"),
    [
        ("vnpay", {}, VNPAY, ["secrets.hash_secret"]),
        ("vnpay", {"hash_secret": "s", "pin": "1"}, VNPAY, ["secrets.pin"]),
        ("vnpay", {"hash_secret": " "}, {"tmn_code": "T"}, ["secrets.hash_secret", "settings.pay_url", "settings.query_url"]),
        ("vietqrvn", {"username": "u"}, {}, ["secrets.jwt_secret", "secrets.password"]),
        ("sepay", {"api_key": "k"}, {"auth": "hmac"}, ["secrets.hmac_secret"]),
        ("sepay", {"api_key": "k"}, {"auth": "none"}, ["settings.auth"]),
        ("sepay", {"api_key": "k", "hmac_secret": 5}, {"auth": "apikey"}, ["secrets.hmac_secret"]),
    ],
)  # fmt: skip
async def test_credentials_are_those_the_adapter_documents(
    engine: AsyncEngine,
    adapter: str,
    secrets: dict[str, str],
    settings: dict[str, str],
    columns: list[str],
) -> None:
    async with transaction(engine) as db:
        school_id = await new_school(db)
        account_id = await new_account(db, school_id)
        with pytest.raises(DomainError) as caught:
            await add_merchant_account(
                db,
                KEYS,
                school_id,
                adapter=adapter,
                bank_account_id=account_id,
                settlement="direct",
                secrets=secrets,
                settings=settings,
            )
        assert sorted(fault.column for fault in caught.value.faults) == columns
        assert all(fault.value == "" for fault in caught.value.faults)


@pytest.mark.parametrize("adapter", ["hocphipay", "statement", ""])
async def test_an_adapter_that_does_not_exist(engine: AsyncEngine, adapter: str) -> None:
    async with transaction(engine) as db:
        school_id = await new_school(db)
        account_id = await new_account(db, school_id)
        with pytest.raises(DomainError, match="unknown_adapter"):
            await add_merchant_account(
                db, KEYS, school_id, adapter=adapter, bank_account_id=account_id,
                settlement="direct", secrets={},
            )  # fmt: skip


async def test_another_schools_bank_account_is_out_of_reach(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        other_id = await new_account(db, await new_school(db))
        school_id = await new_school(db, "TH02")
        with pytest.raises(DomainError, match="not_found"):
            await add_merchant_account(
                db, KEYS, school_id, adapter="sepay", bank_account_id=other_id,
                settlement="direct", secrets={"api_key": "k"}, settings={"auth": "apikey"},
            )  # fmt: skip


@pytest.mark.parametrize(
    ("code", "regime"), [("", "TT24/2024"), ("TH 01", "TT24/2024"), ("TH01", "24/2024")]
)
async def test_a_bad_school(engine: AsyncEngine, code: str, regime: str) -> None:
    async with transaction(engine) as db:
        with pytest.raises(DomainError):
            await create_school(
                db, code=code, name="A", address="", province="", accounting_regime=regime
            )
        assert await db.raw.fetchval("SELECT count(*) FROM school") == 0
