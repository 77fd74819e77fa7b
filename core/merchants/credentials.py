"""The credentials of a merchant account: what an adapter needs of them, and how they are replaced in place.

Keys rotate while a school's address at its provider stays: a bank's second public key, a new secret.
Values are sealed here, compared here, and never shown, logged or audited: only their names are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from adapters import IPN
from adapters.messages import msg
from adapters.virtual import is_prefix
from core.identity.audit import audit
from core.kit.database import Command, Driver, Query
from core.kit.errors import fault
from core.kit.faults import Fault
from core.kit.seal import Keys, seal_secrets, unseal_secrets
from core.merchants.errors import BadCredentialsError, NoCredentialsError, UnknownChannelError


@dataclass(frozen=True, slots=True)
class StoredCredentials:
    """A merchant account's adapter and what is stored for it, the secrets sealed."""

    adapter: str
    sealed_secrets: bytes
    settings: Mapping[str, str]


LOCK_CREDENTIALS = Query(
    StoredCredentials,
    """
SELECT adapter, sealed_secrets, settings FROM merchant_account WHERE school_id = $1 AND id = $2 FOR UPDATE
""",
)

REPLACE_CREDENTIALS = Command("""
UPDATE merchant_account SET sealed_secrets = $3, settings = $4::jsonb WHERE school_id = $1 AND id = $2
""")


async def replace_credentials(
    db: Driver,
    keys: Keys,
    school_id: int,
    merchant_account_id: int,
    *,
    secrets: Mapping[str, str],
    settings: Mapping[str, str],
    actor: str,
) -> tuple[str, ...]:
    """Replace the values that are named; what is not named stays, "" takes an optional one away.

    Returns the names that changed ("secrets.checksum_key", sorted), which the audit chain keeps; none
    where every value was the same, and then nothing is written. The IPN endpoint and new orders follow
    within `core.merchants.directory.CACHE_S` seconds, questions and refunds at once. Raises
    UnknownChannelError, NoCredentialsError, and BadCredentialsError as `check_credentials` does.
    """
    stored = await db.fetch_one(LOCK_CREDENTIALS, school_id, merchant_account_id)
    if stored is None:
        raise UnknownChannelError
    if stored.adapter not in IPN:
        raise NoCredentialsError
    adapter = IPN[stored.adapter]
    old_secrets = unseal_secrets(keys, stored.sealed_secrets)
    new_secrets = _merged(old_secrets, secrets, adapter.SECRETS)
    new_settings = _merged(stored.settings, settings, adapter.SETTINGS)
    check_credentials(stored.adapter, new_secrets, new_settings)
    changed = (
        *(f"secrets.{name}" for name in _differing(old_secrets, new_secrets)),
        *(f"settings.{name}" for name in _differing(stored.settings, new_settings)),
    )
    if not changed:
        return ()
    await db.execute(
        REPLACE_CREDENTIALS,
        school_id,
        merchant_account_id,
        seal_secrets(keys, new_secrets),
        json.dumps(new_settings),
    )
    await audit(
        db,
        school_id,
        actor=actor,
        action="channel.credentials_replaced",
        subject=f"merchant_account:{merchant_account_id}",
        detail={"adapter": stored.adapter, "changed": changed},
    )
    return changed


def _merged(
    old: Mapping[str, str], given: Mapping[str, str], known: Mapping[str, str]
) -> dict[str, str]:
    """`given` over `old`, without what is taken away; an unknown name stays, for the check to name."""
    removable = known.keys() | old.keys()
    return {
        name: value
        for name, value in {**old, **given}.items()
        if value != "" or name not in removable
    }


def _differing(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def check_credentials(
    adapter_name: str, secrets: Mapping[str, str], settings: Mapping[str, str]
) -> None:
    """All that the adapter needs, nothing that it does not know. Values are never shown.

    Raises BadCredentialsError, each fault named; KeyError for an unknown adapter.
    """
    adapter = IPN[adapter_name]
    needed = adapter.needed(settings)
    faults = [
        *_name_faults("secrets", secrets, adapter.SECRETS, needed & adapter.SECRETS.keys()),
        *_name_faults("settings", settings, adapter.SETTINGS, needed & adapter.SETTINGS.keys()),
    ]
    if adapter_name == "sepay" and settings.get("auth") not in {"apikey", "hmac"}:
        faults.append(
            fault("bad_setting", msg("auth là apikey hoặc hmac."), column="settings.auth")
        )
    if not is_prefix(settings.get("va_prefix", "") or "0"):
        faults.append(
            fault(
                "bad_setting",
                msg("va_prefix gồm 1-7 chữ số hoặc chữ in hoa không dấu."),
                column="settings.va_prefix",
            )
        )
    if faults:
        raise BadCredentialsError(tuple(faults))


def _name_faults(
    kind: str, given: Mapping[str, str], known: Mapping[str, str], needed: AbstractSet[str]
) -> list[Fault]:
    unknown = [
        fault(
            "unknown_name",
            msg("Không có mục «{name}».", name=name[:40]),
            column=f"{kind}.{name[:40]}",
        )
        for name in sorted(given.keys() - known.keys())
    ]
    missing = [
        fault(
            "missing_value",
            msg("Thiếu «{name}»: {meaning}.", name=name, meaning=known[name]),
            column=f"{kind}.{name}",
        )
        for name in sorted(needed)
        if not isinstance(given.get(name), str) or not given[name].strip()
    ]
    not_text = [
        fault(
            "not_text", msg("«{name}» phải là chữ.", name=name[:40]), column=f"{kind}.{name[:40]}"
        )
        for name, value in sorted(given.items())
        if name not in needed and not isinstance(value, str)
    ]
    return unknown + missing + not_text
