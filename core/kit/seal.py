"""Sealing and hashing under the master key. It must never log or return a key.

Credentials and personal numbers are sealed with AES-256-GCM; what must be found again without being
readable is looked up by a keyed hash. Each purpose gets its own key, derived by HKDF.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12


class SealBrokenError(Exception):
    """A sealed value does not open: another master key, another purpose, or altered bytes."""


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """The two keys of an installation: `master` seals and hashes, `reference` scrambles references."""

    master: bytes
    reference: bytes


def load_keys(master_hex: str | None, reference_hex: str | None, home: Path) -> Keys:
    """Keys from the settings; where one is missing, from `home`/keys.json, made once with mode 0600.

    Raises ValueError when a key is not 32 bytes of hex.
    """
    stored: dict[str, str] = {}
    if not (master_hex and reference_hex):
        path = home / "keys.json"
        home.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(handle, "w") as file:
                json.dump(
                    {"master": secrets.token_hex(32), "reference": secrets.token_hex(32)}, file
                )
        stored = json.loads(path.read_text())
    keys = Keys(
        master=bytes.fromhex(master_hex or stored["master"]),
        reference=bytes.fromhex(reference_hex or stored["reference"]),
    )
    if len(keys.master) != 32 or len(keys.reference) != 32:
        raise ValueError("a key must be 32 bytes, written as 64 hex digits")
    return keys


def _derived(master: bytes, purpose: str) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt=None, info=purpose.encode()).derive(master)


def seal(keys: Keys, purpose: str, plain: bytes) -> bytes:
    """Encrypt under the key of `purpose`; the nonce stands in front."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(_derived(keys.master, purpose)).encrypt(nonce, plain, purpose.encode())


def unseal(keys: Keys, purpose: str, sealed: bytes) -> bytes:
    """The plain bytes of `seal`. Raises SealBrokenError."""
    try:
        return AESGCM(_derived(keys.master, purpose)).decrypt(
            sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], purpose.encode()
        )
    except (InvalidTag, ValueError) as error:
        raise SealBrokenError(purpose) from error


def seal_secrets(keys: Keys, plain: Mapping[str, str]) -> bytes:
    """Seal a merchant account's credentials."""
    return seal(keys, "merchant-secrets", json.dumps(dict(plain)).encode())


def unseal_secrets(keys: Keys, sealed: bytes) -> dict[str, str]:
    """Open a merchant account's credentials; nothing sealed is no credentials. Raises SealBrokenError."""
    if not sealed:
        return {}
    opened: dict[str, str] = json.loads(unseal(keys, "merchant-secrets", sealed))
    return opened


def keyed_hash(keys: Keys, purpose: str, value: str) -> bytes:
    """HMAC-SHA256 for equality search over a value that is itself sealed or secret."""
    return hmac.new(_derived(keys.master, purpose), value.encode(), hashlib.sha256).digest()
