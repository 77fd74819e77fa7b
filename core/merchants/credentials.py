"""The credentials of a merchant account: what an adapter needs of them, and how they are replaced in place.

Keys rotate while a school's address with its provider stays: a bank's second public key, a new secret.
Values are sealed here, compared here, and never shown, logged or audited: only their names are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from adapters import IPN
from adapters.virtual import is_prefix
from core.identity.audit import audit
from core.kit.database import Driver
from core.kit.errors import Problem, not_found
from core.kit.faults import Fault
from core.kit.seal import Keys, seal_secrets, unseal_secrets


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

    Returns the names that changed ("secrets.checksum_key", sorted), which stand in the audit chain;
    none where every value was the same, and then nothing is written. The IPN door and new orders follow
    within `core.merchants.directory.CACHE_S` seconds, questions and refunds at once. Raises Problem:
    404 for another school's account, 409 for one without credentials, 422 as `check_credentials` does.
    """
    row = await db.raw.fetchrow(
        "SELECT adapter, sealed_secrets, settings::text AS settings FROM merchant_account"
        " WHERE school_id = $1 AND id = $2 FOR UPDATE",
        school_id,
        merchant_account_id,
    )
    if row is None:
        raise not_found("kênh thu này", "channel")
    adapter = row["adapter"]
    if adapter not in IPN:
        raise Problem(
            "no_credentials",
            vi="Kênh thu này không có thông tin kết nối.",
            en="This channel has no credentials.",
            status=409,
        )
    old_secrets = unseal_secrets(keys, row["sealed_secrets"])
    old_settings: dict[str, str] = json.loads(row["settings"])
    new_secrets = _merged(old_secrets, secrets, IPN[adapter].SECRETS)
    new_settings = _merged(old_settings, settings, IPN[adapter].SETTINGS)
    check_credentials(adapter, new_secrets, new_settings)
    changed = (
        *(f"secrets.{name}" for name in _differing(old_secrets, new_secrets)),
        *(f"settings.{name}" for name in _differing(old_settings, new_settings)),
    )
    if not changed:
        return ()
    await db.raw.execute(
        "UPDATE merchant_account SET sealed_secrets = $3, settings = $4::jsonb"
        " WHERE school_id = $1 AND id = $2",
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
        detail={"adapter": adapter, "changed": changed},
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
    adapter: str, secrets: Mapping[str, str], settings: Mapping[str, str]
) -> None:
    """All that the adapter needs, nothing that it does not know. Values are never shown.

    Raises Problem (422), each fault named; KeyError for an unknown adapter.
    """
    module = IPN[adapter]
    needed = module.needed(settings)
    faults = [
        *_name_faults("secrets", secrets, module.SECRETS, needed & module.SECRETS.keys()),
        *_name_faults("settings", settings, module.SETTINGS, needed & module.SETTINGS.keys()),
    ]
    if adapter == "sepay" and settings.get("auth") not in {"apikey", "hmac"}:
        faults.append(
            Fault(
                code="bad_setting",
                column="settings.auth",
                vi="auth là apikey hoặc hmac.",
                en="auth is apikey or hmac.",
            )
        )
    if not is_prefix(settings.get("va_prefix", "") or "0"):
        faults.append(
            Fault(
                code="bad_setting",
                column="settings.va_prefix",
                vi="va_prefix gồm 1-7 chữ số hoặc chữ in hoa không dấu.",
                en="va_prefix has 1-7 digits or unaccented capital letters.",
            )
        )
    if faults:
        raise Problem(
            "bad_credentials",
            vi="Thông tin kết nối chưa đúng.",
            en="The credentials are not as the adapter needs them.",
            status=422,
            faults=tuple(faults),
        )


def _name_faults(
    kind: str, given: Mapping[str, str], known: Mapping[str, str], needed: AbstractSet[str]
) -> list[Fault]:
    unknown = [
        Fault(
            code="unknown_name",
            column=f"{kind}.{name[:40]}",
            vi=f"Không có mục «{name[:40]}».",
            en=f"There is no entry {name[:40]}.",
        )
        for name in sorted(given.keys() - known.keys())
    ]
    missing = [
        Fault(
            code="missing_value",
            column=f"{kind}.{name}",
            vi=f"Thiếu «{name}»: {known[name]}.",
            en=f"Missing {name}: {known[name]}.",
        )
        for name in sorted(needed)
        if not isinstance(given.get(name), str) or not given[name].strip()
    ]
    not_text = [
        Fault(
            code="not_text",
            column=f"{kind}.{name[:40]}",
            vi=f"«{name[:40]}» phải là chữ.",
            en=f"{name[:40]} must be text.",
        )
        for name, value in sorted(given.items())
        if name not in needed and not isinstance(value, str)
    ]
    return unknown + missing + not_text
