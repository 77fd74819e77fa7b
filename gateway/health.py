"""For the operator's probes: alive means the process answers, ready means it can record a payment."""

from __future__ import annotations

import asyncpg
from litestar import Response, get
from litestar.di import NamedDependency
from sqlalchemy.exc import SQLAlchemyError

from core.kit.database import Query, transaction
from gateway.context import AppContext

REVISION = Query(str, "SELECT version_num FROM alembic_version")


@get("/health/live", operation_id="health_live", include_in_schema=False)
async def health_live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@get("/health/ready", operation_id="health_ready", include_in_schema=False)
async def health_ready(context: NamedDependency[AppContext]) -> Response[dict[str, str]]:
    """The database answers and carries our schema; 503 otherwise."""
    try:
        async with transaction(context.engine) as db:
            revision = await db.fetch_only(REVISION)
    except (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        return Response({"status": "database away"}, status_code=503)
    return Response({"status": "ready", "schema": revision})
