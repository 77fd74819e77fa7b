"""To whom a refund is transferred: checked when it is typed, sealed in the database, masked on every screen."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass

from adapters.banks import bank
from core.kit.errors import fault
from core.kit.seal import Keys, seal, unseal
from core.kit.text import mask_account, unaccent
from core.kit.texts import msg
from core.refunds.errors import BadPayeeError

PURPOSE = "refund-payee"
MAX_HOLDER = 70
_NUMBER = re.compile(r"[0-9A-Z]{4,19}")
_HOLDER = re.compile(r"[A-Z0-9][A-Z0-9 .,&/()-]*")


@dataclass(frozen=True, slots=True, repr=False)
class RefundPayee:
    """A bank account of a payer. It is never logged: it has no repr."""

    bin: str
    number: str
    holder: str

    @property
    def bank_name(self) -> str:
        """The bank as people call it; its BIN where no list has it."""
        found = bank(self.bin)
        return found.short_name if found else self.bin

    @property
    def masked(self) -> str:
        """What a screen shows: the bank and the last digits."""
        return f"{self.bank_name} {mask_account(self.number)}"


def read_payee(bin: str, number: str, holder: str) -> RefundPayee:  # noqa: A002 - the word of the trade
    """A payee as typed; the holder as banks print it. Raises BadPayeeError with each wrong field."""
    payee = RefundPayee(
        bin.strip(),
        re.sub(r"[\s.-]", "", number).upper(),
        " ".join(unaccent(holder).upper().split()),
    )
    faults = []
    if bank(payee.bin) is None:
        text = msg("Hãy chọn ngân hàng của người nhận.")
        faults.append(fault("unknown_bank", text, column="bin"))
    if not _NUMBER.fullmatch(payee.number):
        text = msg("Số tài khoản gồm 4-19 chữ số hoặc chữ cái không dấu.")
        faults.append(fault("bad_account_number", text, column="number"))
    if not _HOLDER.fullmatch(payee.holder) or len(payee.holder) > MAX_HOLDER:
        text = msg(
            "Tên chủ tài khoản gồm 1-{max_length} chữ cái, như ngân hàng in.", max_length=MAX_HOLDER
        )
        faults.append(fault("bad_holder", text, column="holder"))
    if faults:
        raise BadPayeeError(faults=tuple(faults))
    return payee


def seal_payee(keys: Keys, payee: RefundPayee) -> bytes:
    """A payee for the database."""
    return seal(keys, PURPOSE, json.dumps(asdict(payee)).encode())


def unseal_payee(keys: Keys, sealed: bytes) -> RefundPayee:
    """A payee out of the database. Raises SealBrokenError."""
    return RefundPayee(**json.loads(unseal(keys, PURPOSE, sealed)))
