"""Small worlds for tests: a school with accounts, merchants, pupils and issued invoices."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date

from adapters import NUMBERED
from core.kit.database import Driver
from core.kit.reference import make_references
from core.kit.seal import Keys, seal_secrets
from core.ledger.postings import Event, Posting
from core.ledger.service import books_of, next_journal, open_books, post
from core.merchants.directory import Merchant, merchants_by_id
from sandbox.keys import BANK, SCHOOL

KEYS = Keys(master=b"m" * 32, reference=b"r" * 32)
DAY = date(2026, 9, 10)

SECRETS: dict[str, dict[str, str]] = {
    "sepay": {"api_key": "sepay-api-key", "hmac_secret": "sepay-hmac-secret"},
    "vietqrvn": {"username": "school-user", "password": "school-pass", "jwt_secret": "j" * 32},
    "vnpay": {"hash_secret": "vnpay-hash-secret"},
    "payos": {"api_key": "payos-api-key", "checksum_key": "payos-checksum-key"},
    "casso": {"checksum_key": "casso-checksum-key"},
    "sepaypg": {"secret_key": "sepaypg-secret-key"},
    "dvcqg": {"secret_key": "dvcqg-secret-key", "bearer": "dvcqg-bearer"},
    "onepay": {"hash_key": "6D0870CDE5F24F34F3915FB0045120D6", "query_password": "op-password"},
    "viettelmoney": {"access_code": "vt-access-code", "hash_key": "vt-hash-key"},
    "shopeepay": {"secret_key": "shopeepay-secret-key"},
    "momo": {"access_key": "momo-access-key", "secret_key": "momo-secret-key"},
    "zalopay": {"key1": "zalopay-key-1", "key2": "zalopay-key-2"},
    "mb": {
        "username": "mb-user",
        "password": "mb-pass",
        "jwt_secret": "b" * 32,
        "access_key": "mb-access-key",
    },
    "vietinbank": {
        "client_id": "vietinbank-client",
        "client_secret": "vietinbank-client-secret",
        "bank_public_keys": BANK.public_pem,
        "private_key": SCHOOL.private_pem,
    },
    "bvbank": {"bank_public_keys": BANK.public_pem},
    "bidv": {"secret": "bidv-secret", "bearer": "bidv-bearer-token"},
    "agribank": {"secret": "agribank-secret"},
    "vietcombank": {"secret": "vietcombank-secret"},
    "statement": {},
}
SETTINGS: dict[str, dict[str, str]] = {
    "sepay": {"auth": "hmac"},
    "payos": {"client_id": "hocphi-payos", "api_url": "http://sandbox.test/sandbox/payos"},
    "casso": {},
    "sepaypg": {
        "merchant_id": "HOCPHIPG",
        "checkout_url": "http://sandbox.test/sandbox/sepaypg/v1/checkout/init",
        "api_url": "http://sandbox.test/sandbox/sepaypg/v1",
    },
    "vietqrvn": {},
    "vnpay": {
        "tmn_code": "HOCPHI01",
        "pay_url": "https://sandbox.vnpayment.vn/paymentv2/vpcpay.html",
        "query_url": "https://sandbox.vnpayment.vn/merchant_webapi/api/transaction",
    },
    "dvcqg": {
        "partner_code": "HOCPHITH01",
        "api_url": "http://sandbox.test/sandbox/dvcqg/api",
        "hash_mode": "sha256_suffix",
        "failed_codes": "99",
        "return_field": "returnUrl",
        "ma_tthc": "1.005090",
        "ten_tthc": "Thu học phí và các khoản thu của cơ sở giáo dục",
        "ma_don_vi": "G22.99.01",
        "allow_http": "yes",
    },
    "onepay": {
        "merchant": "HOCPHITEST",
        "access_code": "6BEB2566",
        "pay_url": "http://sandbox.test/sandbox/onepay/pay",
        "query_url": "http://sandbox.test/sandbox/onepay/msp/api/v1/vpc/invoices/queries",
        "query_user": "op01",
    },
    "viettelmoney": {
        "merchant_code": "HOCPHI",
        "pay_url": "http://sandbox.test/sandbox/viettelmoney/pay",
        "query_url": "http://sandbox.test/sandbox/viettelmoney/PaymentAPI/webresources/postData",
    },
    "shopeepay": {
        "client_id": "11000999",
        "merchant_ext_id": "hocphi-school",
        "store_ext_id": "hocphi-store",
        "api_url": "http://sandbox.test/sandbox/shopeepay",
    },
    "momo": {
        "api_url": "http://sandbox.test/sandbox/momo/v2/gateway/api",
        "partner_code": "MOMOHP01",
    },
    "zalopay": {"api_url": "http://sandbox.test/sandbox/zalopay", "app_id": "2553"},
    "mb": {"va_prefix": "MBHP", "networks": "127.0.0.0/8"},
    "vietinbank": {"provider_id": "9111", "va_prefix": "2NDV", "networks": "127.0.0.0/8"},
    "bvbank": {"va_prefix": "BVHP", "networks": "127.0.0.0/8"},
    "bidv": {"service_id": "347002"},
    "agribank": {"service_id": "AGR001"},
    "vietcombank": {
        "provider_id": "SCHOOL01",
        "service_id": "HocPhi",
        "calls": "collection,advice",
        "networks": "127.0.0.0/8",
    },
    "statement": {},
}

BATCH = frozenset({"momo", "onepay", "shopeepay", "viettelmoney", "vnpay", "zalopay"})
"""Providers that settle later, in batches."""
WITH_VIRTUAL_ACCOUNTS = frozenset({"bvbank", "mb", "vietinbank"})
"""Banks of the other account, whose invoices are paid to virtual ones of it."""


@dataclass
class Invoice:
    """An issued invoice as a test needs it."""

    id: int
    student_id: int
    reference: str
    token: str
    total_vnd: int


@dataclass
class World:
    """One school. `merchants`: adapter -> (id, account key)."""

    school_id: int
    bank_account_id: int
    bank_number: str
    other_bank_account_id: int
    other_bank_number: str
    merchants: dict[str, tuple[int, str]] = field(default_factory=dict)
    invoices: list[Invoice] = field(default_factory=list)
    student_references: dict[int, str] = field(default_factory=dict)
    # invoice reference -> the number that a numbered provider was given at checkout
    numbers: dict[str, str] = field(default_factory=dict)


async def make_world(
    db: Driver, totals_vnd: list[int], *, code: str = "TH01", per_student: int = 1
) -> World:
    """A school with one invoice per amount; `per_student` invoices in a row belong to one pupil."""
    school_id = await db.raw.fetchval(
        "INSERT INTO school (code, name, accounting_regime) VALUES ($1, 'Trường Tiểu học Hoa Sen', 'TT24/2024')"
        " RETURNING id",
        code,
    )
    banks = []
    for bin_, number in (("970436", f"10{school_id:08d}"), ("970422", f"20{school_id:08d}")):
        banks.append(
            (
                await db.raw.fetchval(
                    "INSERT INTO bank_account (school_id, bin, number, holder, is_default)"
                    " VALUES ($1, $2, $3, 'TRUONG TH HOA SEN', $4) RETURNING id",
                    school_id, bin_, number, not banks,
                ),
                number,
            )
        )  # fmt: skip
    world = World(school_id, banks[0][0], banks[0][1], banks[1][0], banks[1][1])
    for adapter, secrets in SECRETS.items():
        key = f"{adapter}key{school_id}"
        merchant_id = await db.raw.fetchval(
            "INSERT INTO merchant_account (school_id, adapter, account_key, bank_account_id, settlement,"
            " sealed_secrets, settings) VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb) RETURNING id",
            school_id, adapter, key,
            world.other_bank_account_id if adapter in WITH_VIRTUAL_ACCOUNTS else world.bank_account_id,
            "batch" if adapter in BATCH else "direct",
            seal_secrets(KEYS, secrets), json.dumps(SETTINGS[adapter]),
        )  # fmt: skip
        world.merchants[adapter] = (merchant_id, key)
    await _issue(db, world, totals_vnd, per_student)
    await _open_numbered_checkouts(db, world)
    return world


async def merchant_in(db: Driver, world: World, adapter: str) -> Merchant:
    """The world's merchant account with a provider, as the gateway knows it."""
    key = (world.school_id, world.merchants[adapter][0])
    return (await merchants_by_id(db, KEYS, [key]))[key]


async def _open_numbered_checkouts(db: Driver, world: World) -> None:
    """A checkout per invoice with every provider whose orders are numbers: nothing else knows them."""
    for adapter in sorted(NUMBERED):
        for index, invoice in enumerate(world.invoices):
            number = str(2**41 + index)
            world.numbers[invoice.reference] = number
            await db.raw.execute(
                "INSERT INTO checkout (school_id, merchant_account_id, invoice_id, merchant_reference,"
                " amount_vnd, expires_at) VALUES ($1, $2, $3, $4, $5, '2026-09-30')",
                world.school_id, world.merchants[adapter][0], invoice.id, number, invoice.total_vnd,
            )  # fmt: skip


async def _issue(db: Driver, world: World, totals_vnd: list[int], per_student: int) -> None:
    school_id = world.school_id
    class_id = await db.raw.fetchval(
        "INSERT INTO school_class (school_id, school_year, name, grade) VALUES ($1, '2026-2027', '3A', 3) RETURNING id",
        school_id,
    )
    item_id = await db.raw.fetchval(
        "INSERT INTO fee_item (school_id, code, name, nature, unit, bank_account_id, is_optional)"
        " VALUES ($1, 'AN', 'Tiền ăn bán trú', 'service', 'tháng', $2, false) RETURNING id",
        school_id,
        world.bank_account_id,
    )
    await open_books(db, school_id)
    books = await books_of(db, school_id)
    income_id = await db.raw.fetchval(
        "SELECT id FROM ledger_account WHERE school_id = $1 AND fee_item_id = $2",
        school_id,
        item_id,
    )
    numbers = [
        row[0]
        for row in await db.raw.fetch(
            "SELECT nextval('reference_number_seq') FROM generate_series(1, $1)",
            2 * len(totals_vnd),
        )
    ]
    references = make_references(numbers, KEYS.reference)
    student_id = 0
    for index, total_vnd in enumerate(totals_vnd):
        if index % per_student == 0:
            student_id = await db.raw.fetchval(
                "INSERT INTO student (school_id, code, full_name, search_name, reference)"
                " VALUES ($1, $2, 'Nguyễn Minh Anh', 'nguyen minh anh', $3) RETURNING id",
                school_id, f"HS{index:05d}", references[len(totals_vnd) + index],
            )  # fmt: skip
            world.student_references[student_id] = references[len(totals_vnd) + index]
            await db.raw.execute(
                "INSERT INTO enrolment (school_id, student_id, school_year, class_id) VALUES ($1, $2, '2026-2027', $3)",
                school_id, student_id, class_id,
            )  # fmt: skip
        schedule_id = await db.raw.fetchval(
            "INSERT INTO fee_schedule (school_id, name, school_year, month, due_on, status, content_hash, drafted_by)"
            " VALUES ($1, 'Tháng 9', '2026-2027', '2026-09-01', $2, 'issued', $3, 'an') RETURNING id",
            school_id, date(2026, 9, 20 + index % per_student), f"h{index}",
        )  # fmt: skip
        row = await db.raw.fetchrow(
            "INSERT INTO invoice (school_id, fee_schedule_id, student_id, class_id, bank_account_id, reference, token,"
            " total_vnd, issued_on, due_on) VALUES ($1, $2, $3, $4, $5, $6, replace(gen_random_uuid()::text, '-', ''),"
            " $7, '2026-09-01', $8) RETURNING id, token",
            school_id, schedule_id, student_id, class_id, world.bank_account_id, references[index], total_vnd,
            date(2026, 9, 20 + index % per_student),
        )  # fmt: skip
        await db.raw.execute(
            "INSERT INTO invoice_line (school_id, invoice_id, line_no, fee_item_id, description, unit, unit_price_vnd,"
            " quantity, amount_vnd) VALUES ($1, $2, 1, $3, 'Tiền ăn bán trú', 'tháng', $4, 1, $4)",
            school_id, row["id"], item_id, total_vnd,
        )  # fmt: skip
        await post(
            db,
            [
                Posting(
                    school_id=school_id,
                    journal_id=await next_journal(db),
                    kind=Event.INVOICE_ISSUED,
                    debit_account_id=books.receivable_id,
                    credit_account_id=income_id,
                    amount_vnd=total_vnd,
                    business_date=date(2026, 9, 1),
                    student_id=student_id,
                    invoice_id=row["id"],
                )
            ],
        )
        world.invoices.append(
            Invoice(row["id"], student_id, references[index], row["token"], total_vnd)
        )
