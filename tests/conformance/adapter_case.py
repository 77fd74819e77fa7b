"""What a row of the conformance table is: an adapter's provider in the sandbox and the answers it expects.

Signing is the sandbox's, written from the protocols' texts, apart from the adapters' code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

import httpx
from support.factories import SECRETS, SETTINGS, World

from sandbox.provider import Merchant, Movement, MovementState, Notifier

Expects = Callable[[httpx.Response], bool]
PAID_AT = datetime(2026, 9, 10, 2, 0, tzinfo=UTC)


class Carries(Enum):
    """Where a provider's message has our reference."""

    MERCHANT_REFERENCE = "merchant_reference"  # what we called the order
    NUMBER = "number"  # the same as a number: only a checkout knows its invoice
    CONTENT = "content"  # the text of a transfer
    VIRTUAL_ACCOUNT = "virtual_account"  # behind the account's prefix


@dataclass(frozen=True)
class Says:
    """What a provider reports. `account` None: the school's own."""

    transaction: str
    amount_vnd: int
    reference: str
    account: str | None = None
    state: MovementState = MovementState.PAID


@dataclass(frozen=True, kw_only=True)
class AdapterCase:
    """One adapter. `missing`: a field without which a message must be refused, and is not taken for paid.

    `bad_signature` is the answer to an altered message; `names_account`: its messages name the
    receiving account under their signature, so that a foreign one is believed and goes to suspense.
    `is_provisional`: the amount is unsigned, and no voucher is made before a confirmation.
    `tells_of`: what else than a payment this protocol has a message for.
    """

    notifier: Notifier
    carries: Carries
    missing: str
    ok: Expects
    duplicate: Expects
    conflict: Expects
    bad_signature: Expects
    unknown_reference: Expects
    names_account: bool
    is_provisional: bool = False
    notifies_of: tuple[MovementState, ...] = ()

    @property
    def adapter(self) -> str:
        """The adapter's name."""
        return self.notifier.NAME


def merchant_of(world: World, adapter: str, base_url: str = "") -> Merchant:
    """The world's account with a provider, as that provider knows it."""
    return Merchant(
        provider=adapter,
        ipn_url=f"{base_url}/ipn/{adapter}/{world.merchants[adapter][1]}",
        account_number=world.bank_number,
        settings=SETTINGS[adapter],
        secrets=SECRETS[adapter],
    )


def movement_of(case: AdapterCase, world: World, says: Says) -> Movement:
    """What the provider has in its books for what it says."""
    sequence = int(hashlib.sha256(says.transaction.encode()).hexdigest()[:8], 16)
    carries = case.carries
    by_order = carries in (Carries.MERCHANT_REFERENCE, Carries.NUMBER)
    reference = says.reference
    if carries is Carries.NUMBER:
        reference = world.numbers.get(reference, str(2**49 + sequence))
    virtual_account = ""
    if carries is Carries.VIRTUAL_ACCOUNT:
        virtual_account = SETTINGS[case.adapter]["va_prefix"] + reference
    return Movement(
        sequence=sequence,
        amount_vnd=says.amount_vnd,
        at=PAID_AT,
        state=says.state,
        merchant_reference=reference if by_order else "",
        content=f"MBVCB.6912.0470.{says.reference} hoc phi.CT tu 0123"
        if carries is Carries.CONTENT
        else "CK HOC PHI",
        account_number=says.account or world.bank_number,
        virtual_account=virtual_account,
        bank_transaction_id=f"FT{sequence}",
    )
