"""The composition root: settings, plugins and routes put together. The only module that imports all others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.plugins.prometheus import PrometheusConfig, PrometheusController
from litestar.types import ControllerRouterHandler

from core.kit.texts import catalogue
from gateway.api.accounting import (
    get_detail_ledger,
    get_trial_balance,
    get_voucher_export,
    get_voucher_export_file,
    get_voucher_exports,
    post_acknowledgement,
    post_voucher_export,
)
from gateway.api.applications import get_application, submit_applications
from gateway.api.base import api_router
from gateway.api.exceptions import (
    get_exception,
    get_exceptions,
    post_allocation,
    post_explanation,
    post_note,
)
from gateway.api.fees import (
    approve_fee_schedule,
    import_concessions,
    import_fee_schedule,
    issue_fee_schedule,
)
from gateway.api.invoices import get_invoice, get_invoices, search_invoices
from gateway.api.payments import get_payments
from gateway.api.refunds import get_refund, get_refunds, post_refund
from gateway.api.students import import_roster
from gateway.console.routes import console_router, form_protection
from gateway.context import AppContext, keys_of, open_context
from gateway.errors import answer_error
from gateway.health import health_live, health_ready
from gateway.ipn import receive_ipn
from gateway.logs import configure_logs, request_ids
from gateway.pages.rendering import static_file
from gateway.parents.routes import parents_router
from gateway.settings import Settings

API = (
    import_roster,
    import_concessions,
    import_fee_schedule,
    approve_fee_schedule,
    issue_fee_schedule,
    get_invoices,
    search_invoices,
    get_invoice,
    submit_applications,
    get_application,
    get_payments,
    get_refunds,
    get_refund,
    post_refund,
    get_exceptions,
    get_exception,
    post_allocation,
    post_explanation,
    post_note,
    post_voucher_export,
    get_voucher_exports,
    get_voucher_export,
    get_voucher_export_file,
    post_acknowledgement,
    get_trial_balance,
    get_detail_ledger,
)


def context_of(state: State) -> AppContext:
    """The parts of the running application."""
    context: AppContext = state.context
    return context


def create_app(
    settings: Settings,
    database_url: str,
    extra_routes: Sequence[ControllerRouterHandler] = (),
) -> Litestar:
    """The whole service as one ASGI application on a migrated database.

    `extra_routes` stand beside its own: the sandbox's pages in a demo. Raises RuntimeError when the
    English texts were not compiled.
    """
    configure_logs(settings.log_level)
    catalogue()  # a page must not be the first to find that it is missing

    @asynccontextmanager
    async def with_context(app: Litestar) -> AsyncIterator[None]:
        async with open_context(settings, database_url) as context:
            app.state.context = context
            yield

    prometheus = PrometheusConfig(
        app_name="hocphi",
        prefix="hocphi",
        group_path=True,
        exclude=["^/ipn/"],  # the IPN endpoint has measures of its own, at a tenth of the cost
    )
    return Litestar(
        route_handlers=[
            receive_ipn,
            health_live,
            health_ready,
            PrometheusController,
            static_file,
            parents_router(settings.trusted_proxies),
            console_router(),
            api_router(API),
            *extra_routes,
        ],
        lifespan=[with_context],
        dependencies={"context": Provide(context_of, sync_to_thread=False)},
        middleware=[request_ids, prometheus.middleware],
        openapi_config=OpenAPIConfig(
            title="Hocphi",
            version="1",
            path="/schema",
            components=Components(
                security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer")}
            ),
        ),
        request_max_body_size=settings.upload_limit,
        csrf_config=form_protection(
            keys_of(settings), is_https=settings.base_url.startswith("https://")
        ),
        exception_handlers={Exception: answer_error},
        logging_config=None,
    )
