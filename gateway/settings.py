"""Every setting of the service, on one page. Values come from the environment (prefix `HOCPHI_`) or `.env`.

Nothing here has a secret as its default: where a key is missing in development, `hocphi` writes one
to `var/keys.json` once (see `core.kit.seal.load_keys`); production sets them.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What an operator may change."""

    model_config = SettingsConfigDict(env_prefix="HOCPHI_", env_file=".env", extra="ignore")

    database_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("DATABASE_URL", "HOCPHI_DATABASE_URL"),
        description="postgresql+asyncpg://… (15 or newer). Unset: an embedded PostgreSQL under `home`.",
    )
    home: Path = Field(
        default=Path("var"), description="Where the embedded database and exports live."
    )
    base_url: str = Field(
        default="http://127.0.0.1:8000", description="The public address, without a final slash."
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, description="Port to listen on.")
    pool_size: int = Field(default=8, description="Database connections per process; 4-16 is best.")
    master_key: SecretStr | None = Field(
        default=None,
        description="32 bytes in hex: seals provider credentials and personal numbers (AES-GCM).",
    )
    reference_key: SecretStr | None = Field(
        default=None,
        description="32 bytes in hex: scrambles payment references. Old references stay readable"
        " when it changes, new ones may then collide: do not change it.",
    )
    sandbox: bool = Field(
        default=False, description="Offer the sandbox's bank and providers. Demo only."
    )
    ipn_body_limit: int = Field(default=64 * 1024, description="Bytes an IPN may carry.")
    upload_limit: int = Field(default=10 * 1024 * 1024, description="Bytes an upload may carry.")
    ingest_queue: int = Field(
        default=2_000,
        description="IPNs that may wait for the database before senders are asked to retry.",
    )
    ingest_batch: int = Field(default=200, description="Notices committed together at most.")
    reconciliation_hour: int = Field(
        default=1,
        description="From which hour (Vietnam) workers reconcile the day before; a school may have its own.",
    )
    reconciliations_at_once: int = Field(
        default=2, description="Schools' days that one worker (or `reconcile`) runs side by side."
    )
    worker_heartbeat_timeout_s: int = Field(
        default=60,
        description="Seconds without a sign of life after which a worker's jobs go to the others.",
    )
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR.")
    trusted_proxies: int = Field(
        default=0,
        description="How many proxies of ours stand in front: that many X-Forwarded-For hops count.",
    )


@lru_cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
