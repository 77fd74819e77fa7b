"""The composition root: settings, plugins and routes put together. The only file that knows everything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.plugins.prometheus import PrometheusConfig, PrometheusController

from gateway.health import health_live, health_ready
from gateway.house import House, open_house
from gateway.kit.logs import configure_logs, request_ids
from gateway.notices.endpoints import receive_ipn
from gateway.settings import Settings


def house_of(state: State) -> House:
    """The house of the running application."""
    house: House = state.house
    return house


def create_app(settings: Settings, database_url: str) -> Litestar:
    """The whole service as one ASGI application on a migrated database."""
    configure_logs(settings.log_level)

    @asynccontextmanager
    async def with_house(app: Litestar) -> AsyncIterator[None]:
        async with open_house(settings, database_url) as house:
            app.state.house = house
            yield

    prometheus = PrometheusConfig(app_name="hocphi", prefix="hocphi", group_path=True)
    return Litestar(
        route_handlers=[receive_ipn, health_live, health_ready, PrometheusController],
        lifespan=[with_house],
        dependencies={"house": Provide(house_of, sync_to_thread=False)},
        middleware=[request_ids, prometheus.middleware],
        openapi_config=OpenAPIConfig(title="Hocphi", version="1", path="/schema"),
        request_max_body_size=settings.upload_limit,
        logging_config=None,
    )
