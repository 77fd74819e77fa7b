"""The invented school's contracts: one account with every provider, settings and secrets drawn anew.

The main account's parents may pay by any channel; the second account is watched by two push services;
the third takes the fees of applications, by virtual accounts and by the portal's look-up.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sandbox.keys import BANK, SCHOOL

AT_HOME = "127.0.0.0/8"
"""The sandbox's network: all that proves a message that its provider does not sign whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A merchant account to be made. `settlement`: "direct", or "batch" for payouts later."""

    adapter: str
    bank_account: str
    settlement: str = "direct"
    settings: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


def merchants_of(base_url: str, numbers: Sequence[str], va_prefix: str) -> tuple[Contract, ...]:
    """Every contract of the school; `numbers` are its three bank accounts'."""
    main, other, third = numbers
    server = f"{base_url}/sandbox"
    return (
        *_pushed(main, other, third, va_prefix),
        *_wallets(main, server),
        *_transfer_pages(main, server),
        *_collected(main),
        _portal(main, server, "HOASEN01"),
        _portal(third, server, "HOASEN02"),
    )


def _key() -> str:
    return secrets.token_hex(24)


def _pushed(main: str, other: str, third: str, va_prefix: str) -> tuple[Contract, ...]:
    """Who notifies transfers to the school's own accounts."""
    return (
        Contract(
            adapter="sepay",
            bank_account=main,
            settings={"auth": "hmac"},
            secrets={"hmac_secret": _key()},
        ),
        Contract(adapter="casso", bank_account=main, secrets={"checksum_key": _key()}),
        Contract(
            adapter="vietqrvn",
            bank_account=other,
            secrets={"username": "vietqr-hoasen", "password": _key(), "jwt_secret": _key()},
        ),
        Contract(
            adapter="mb",
            bank_account=other,
            secrets={"username": "mb-hoasen", "password": _key(), "jwt_secret": _key()},
        ),
        Contract(
            adapter="vietinbank",
            bank_account=third,
            settings={"provider_id": "9111", "va_prefix": va_prefix, "amount_boundary": "remark"},
            secrets={
                "client_id": "vietinbank",
                "client_secret": _key(),
                "bank_public_keys": BANK.public_pem,
                "private_key": SCHOOL.private_pem,
            },
        ),
    )


def _wallets(main: str, server: str) -> tuple[Contract, ...]:
    """Providers with a page of their own that pay out in batches."""
    return (
        Contract(
            adapter="vnpay",
            bank_account=main,
            settlement="batch",
            settings={
                "tmn_code": "HOASEN01",
                "pay_url": f"{server}/vnpay/pay",
                "query_url": f"{server}/vnpay/query",
            },
            secrets={"hash_secret": _key()},
        ),
        Contract(
            adapter="momo",
            bank_account=main,
            settlement="batch",
            settings={"api_url": f"{server}/momo/v2/gateway/api", "partner_code": "MOMOHOASEN"},
            secrets={"access_key": _key()[:16], "secret_key": _key()},
        ),
        Contract(
            adapter="zalopay",
            bank_account=main,
            settlement="batch",
            settings={"api_url": f"{server}/zalopay", "app_id": "2554"},
            secrets={"key1": _key(), "key2": _key()},
        ),
        Contract(
            adapter="onepay",
            bank_account=main,
            settlement="batch",
            settings={
                "merchant": "HOASEN",
                "access_code": secrets.token_hex(4).upper(),
                "pay_url": f"{server}/onepay/pay",
                "query_url": f"{server}/onepay/msp/api/v1/vpc/invoices/queries",
                "query_user": "hoasen",
            },
            secrets={"hash_key": secrets.token_hex(16).upper(), "query_password": _key()},
        ),
        Contract(
            adapter="viettelmoney",
            bank_account=main,
            settlement="batch",
            settings={
                "merchant_code": "HOASEN",
                "pay_url": f"{server}/viettelmoney/pay",
                "query_url": f"{server}/viettelmoney/PaymentAPI/webresources/postData",
            },
            secrets={"access_code": _key(), "hash_key": _key()},
        ),
        Contract(
            adapter="shopeepay",
            bank_account=main,
            settlement="batch",
            settings={
                "client_id": "11000777",
                "merchant_ext_id": "hoasen",
                "store_ext_id": "hoasen-1",
                "api_url": f"{server}/shopeepay",
            },
            secrets={"secret_key": _key()},
        ),
    )


def _transfer_pages(main: str, server: str) -> tuple[Contract, ...]:
    """Providers whose page asks for a transfer to the school's own account."""
    return (
        Contract(
            adapter="payos",
            bank_account=main,
            settings={"client_id": "hoasen-payos", "api_url": f"{server}/payos"},
            secrets={"api_key": _key(), "checksum_key": _key()},
        ),
        Contract(
            adapter="sepaypg",
            bank_account=main,
            settings={
                "merchant_id": "HOASEN",
                "checkout_url": f"{server}/sepaypg/v1/checkout/init",
                "api_url": f"{server}/sepaypg/v1",
            },
            secrets={"secret_key": _key()},
        ),
    )


def _collected(main: str) -> tuple[Contract, ...]:
    """Banks that take money at their counters; only Vietcombank, where the account is, books it at once."""
    return (
        Contract(
            adapter="vietcombank",
            bank_account=main,
            settings={"provider_id": "HOASEN", "service_id": "HocPhi"},
            secrets={"secret": _key()},
        ),
        Contract(
            adapter="bidv",
            bank_account=main,
            settlement="batch",
            settings={"service_id": "347002"},
            secrets={"secret": _key()},
        ),
        Contract(
            adapter="agribank",
            bank_account=main,
            settlement="batch",
            settings={"service_id": "AGR001"},
            secrets={"secret": _key()},
        ),
        Contract(
            adapter="bvbank",
            bank_account=main,
            settlement="batch",
            settings={"networks": AT_HOME},
            secrets={"bank_public_keys": BANK.public_pem},
        ),
    )


def _portal(number: str, server: str, partner_code: str) -> Contract:
    return Contract(
        adapter="dvcqg",
        bank_account=number,
        settings={
            "partner_code": partner_code,
            "api_url": f"{server}/dvcqg/api",
            "return_field": "returnUrl",
            "ma_tthc": "9.900002",
            "ten_tthc": "Thu các khoản của cơ sở giáo dục",
            "ma_don_vi": "G22.99.01",
            "allow_http": "yes",
        },
        secrets={"secret_key": _key()},
    )
