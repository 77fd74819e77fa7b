"""RSA signatures as banks make them: PKCS#1 v1.5 over SHA-256, in standard base64.

Keys are PEM texts of at least 2048 bits. Several public keys may stand in one text, so that the old
and the new one hold side by side while a bank changes them.
"""

from __future__ import annotations

import base64
import binascii
import re
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from adapters.contract import MerchantAccount, Refused, RefusedError
from adapters.wire import secret

MIN_BITS: Final = 2048
MAX_SIGNATURE: Final = 4_000  # characters, as VietinBank's field has
_PUBLIC_PEM: Final = re.compile(
    r"-----BEGIN PUBLIC KEY-----[^-]{1,4096}-----END PUBLIC KEY-----", re.ASCII
)


def is_signed(account: MerchantAccount, data: bytes, signature: str) -> bool:
    """Whether any key of the secret `bank_public_keys` made this signature over `data`.

    Raises RefusedError(BUSY) where there is no key or one that cannot be read.
    """
    keys = _public_keys(secret(account, "bank_public_keys"))
    if len(signature) > MAX_SIGNATURE:
        return False
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    if base64.b64encode(raw).decode("ascii") != signature:  # one signature has one spelling
        return False
    return any(_verifies(key, data, raw) for key in keys)


def expect_private_key(account: MerchantAccount) -> None:
    """Raise RefusedError(BUSY) unless we can sign: better before money is recorded than after."""
    _private_key(secret(account, "private_key"))


def signed(account: MerchantAccount, data: bytes) -> str:
    """Our signature over `data` with the secret `private_key`; the same data has the same signature.

    Raises RefusedError(BUSY) where there is no key or one that cannot be read.
    """
    key = _private_key(secret(account, "private_key"))
    return base64.b64encode(key.sign(data, PKCS1v15(), SHA256())).decode("ascii")


def _verifies(key: RSAPublicKey, data: bytes, raw: bytes) -> bool:
    try:
        key.verify(raw, data, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=256)  # reading a key costs more than using it
def _public_keys(pem: str) -> tuple[RSAPublicKey, ...]:
    try:
        keys = [load_pem_public_key(text.encode()) for text in _PUBLIC_PEM.findall(pem)]
    except (ValueError, UnsupportedAlgorithm):
        keys = []
    sound = tuple(k for k in keys if isinstance(k, RSAPublicKey) and k.key_size >= MIN_BITS)
    if not sound or len(sound) != pem.count("-----BEGIN "):
        raise RefusedError(Refused.BUSY, "bank_public_keys")
    return sound


@lru_cache(maxsize=256)
def _private_key(pem: str) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise RefusedError(Refused.BUSY, "private_key") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < MIN_BITS:
        raise RefusedError(Refused.BUSY, "private_key")
    return key
