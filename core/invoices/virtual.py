"""Where an invoice may be paid to beside its bank account: virtual accounts, where the bank gave a prefix.

A virtual account of an invoice pays that invoice; one of a pupil pays the oldest due first.
"""

from __future__ import annotations

from typing import Final

from adapters.virtual import virtual_account

# given an invoice `i`: the prefix of the enabled channel at its bank account, NULL where there is none
VA_PREFIX: Final = """
(SELECT m.settings->>'va_prefix' FROM merchant_account m
  WHERE m.school_id = i.school_id AND m.bank_account_id = i.bank_account_id
    AND m.enabled AND m.settings->>'va_prefix' <> '' ORDER BY m.id LIMIT 1)
"""


def virtual_or(prefix: str | None, reference: str, otherwise: str) -> str:
    """The virtual account that carries `reference`, or `otherwise` where there is no prefix."""
    return virtual_account(prefix, reference) if prefix else otherwise
