"""Two throw-away RSA-2048 keys for the sandbox, as bare primes: public on purpose, worth nothing.

BANK plays the banks that sign with RSA, SCHOOL the school that signs its replies to them.
"""

from __future__ import annotations

import base64
from functools import cached_property
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

_EXPONENT: Final = 65537


class Key:
    """An RSA key of two primes, ready to sign and verify SHA-256 with PKCS#1 v1.5."""

    def __init__(self, p: int, q: int) -> None:
        self._p, self._q = p, q

    @cached_property
    def private(self) -> rsa.RSAPrivateKey:
        """The key itself."""
        p, q = self._p, self._q
        d = pow(_EXPONENT, -1, (p - 1) * (q - 1))
        return rsa.RSAPrivateNumbers(
            p=p,
            q=q,
            d=d,
            dmp1=rsa.rsa_crt_dmp1(d, p),
            dmq1=rsa.rsa_crt_dmq1(d, q),
            iqmp=rsa.rsa_crt_iqmp(p, q),
            public_numbers=rsa.RSAPublicNumbers(_EXPONENT, p * q),
        ).private_key()

    @property
    def public_pem(self) -> str:
        """The public half, as it would be handed over."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return (
            self.private.public_key().public_bytes(serialization.Encoding.PEM, form).decode("ascii")
        )

    @property
    def private_pem(self) -> str:
        """The whole key, PKCS#8."""
        form = serialization.PrivateFormat.PKCS8
        plain = serialization.NoEncryption()
        return self.private.private_bytes(serialization.Encoding.PEM, form, plain).decode("ascii")

    def sign(self, data: bytes) -> str:
        """The signature in base64."""
        return base64.b64encode(self.private.sign(data, PKCS1v15(), SHA256())).decode("ascii")

    def has_signed(self, data: bytes, signature: str) -> bool:
        """Whether this key signed `data`."""
        try:
            raw = base64.b64decode(signature, validate=True)
            self.private.public_key().verify(raw, data, PKCS1v15(), SHA256())
        except (ValueError, InvalidSignature):
            return False
        return True


BANK: Final = Key(
    int(
        "ce13168333fff62a663c7dd1fb89e3cb11e496e8f55bb561c581f3db140ca2c77bb8a93890bc2be8d3baf13b"
        "ab48e66df74e0633c9ee8867bd6ebd7845439c7ef49c57bc86178d40b6c009420f37bb1e37fa28832e215e06"
        "9b4c0b15781280ea3b11c01b449befacda2cba9fe382e70f8d58db5aac64bb26422fe0baedcf4457",
        16,
    ),
    int(
        "c38d0b5b6b4e01a0404c9d853c3c17183c95fb35b3461098e78e0c7327ac957b53d08486f29f79a65879b7e0"
        "e7d927b80d29fc9f95bc77e8aa08be7b263ac4fec09377055f24e63f6a48ac74a795bfc4c61cd78a791a54ff"
        "2a2459c036439a59892f417642815ce34dbe4bf0bb91c85e224ff93f0656796545557bf7abda1baf",
        16,
    ),
)
SCHOOL: Final = Key(
    int(
        "c9e5f33a703eeba8ae0e10951085facb71998fbf4860651ef1f64a3127d14022fbf6339bebba79035152adba"
        "7d4525866b992361a0e6911e374af64b41ad7cc94d1a9d29aee2d8dbffdacd3b7d0fc7f72197faaec662fd15"
        "25721872fdfbc431ab6d9262343bdfc85451c21bd17e6dc4559b3dfde8fb009d0df1da9187542775",
        16,
    ),
    int(
        "c7d8f6f86dbf80915bd25a5a135ee811d1271711650ae7636bf3085a16f8c91c12041421ed521cc080bbe594"
        "32e60da2d9c5284f6cd202888d7b9646996968c4796a201f3d1b1b50d0737a639e8967b5b97c21e04bb48b93"
        "62aaa9e6d73aa169ac4fd373b4558e856c7a130e9992c9f3cd5107093f31b85660d4fcad5d553277",
        16,
    ),
)
