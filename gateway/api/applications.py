"""`/api/v1/applications`: a school's software hands in applications and asks how one stands.

The applicant's name goes in and never comes out; a file code reveals nothing by itself, as a reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody

from core.identity.service import ApiCaller
from core.invoices.selects import InvoiceStatus
from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from core.kit.faults import Fault
from core.portal.applications import refuse, submit
from core.portal.errors import ApplicationNotFoundError
from core.portal.forms import form_of_json
from core.portal.queries import ApplicationRow, application_by_code
from gateway.context import AppContext

MAX_AT_ONCE = 1_000
RowId = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]


class ApplicationForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One application. `quantities`: item code -> how many; what is left out is as approved."""

    file_code: Annotated[str, msgspec.Meta(max_length=60)]
    full_name: Annotated[str, msgspec.Meta(max_length=100)]
    quantities: Annotated[dict[str, int], msgspec.Meta(max_length=200)] = {}


class ApplicationsForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Applications for one service: all are written, or none. `service_id`: its fee schedule."""

    service_id: RowId
    applications: Annotated[
        list[ApplicationForm], msgspec.Meta(min_length=1, max_length=MAX_AT_ONCE)
    ]


class ApplicationBody(msgspec.Struct, frozen=True):
    """An application and its invoice. Amounts in VND; `is_new`: this call made it."""

    file_code: str
    service_id: int
    service: str
    quantities: Mapping[str, int]
    reference: str
    pay_url: str
    total_vnd: int
    paid_vnd: int
    open_vnd: int
    status: InvoiceStatus
    due_on: date
    is_new: bool


class ApplicationsBody(msgspec.Struct, frozen=True):
    """The applications in the order they were sent."""

    applications: list[ApplicationBody]


@post("/applications", operation_id="submit_applications", tags=["portal"], status_code=200)
async def submit_applications(
    context: NamedDependency[AppContext],
    caller: NamedDependency[ApiCaller],
    data: JSONBody[ApplicationsForm],
) -> ApplicationsBody:
    """Hand in one or many applications; the same again changes nothing and answers the same."""
    faults: list[Fault] = []
    forms = [
        form_of_json(place, one.file_code, one.full_name, one.quantities, faults)
        for place, one in enumerate(data.applications, start=1)
    ]
    refuse(faults)
    async with transaction(context.engine) as db:
        submitted = await submit(
            db,
            context.keys,
            caller.school_id,
            data.service_id,
            forms,
            on=business_date(now_utc()),
            actor=caller.actor,
        )
    return ApplicationsBody(
        [
            _body(one, context.settings.base_url, is_new=one.file_code in submitted.created)
            for one in submitted.applications
        ]
    )


@get("/applications", operation_id="get_application", tags=["portal"])
async def get_application(
    context: NamedDependency[AppContext],
    caller: NamedDependency[ApiCaller],
    file_code: FromQuery[str],
) -> ApplicationBody:
    """The application under a file code and how its invoice stands."""
    async with transaction(context.engine) as db:
        found = await application_by_code(db, caller.school_id, file_code)
    if found is None:
        raise ApplicationNotFoundError
    return _body(found, context.settings.base_url, is_new=False)


def _body(one: ApplicationRow, base_url: str, *, is_new: bool) -> ApplicationBody:
    return ApplicationBody(
        file_code=one.file_code,
        service_id=one.service_id,
        service=one.service_name,
        quantities=one.quantities,
        reference=one.reference,
        pay_url=f"{base_url}/pay/{one.token}",
        total_vnd=one.total_vnd,
        paid_vnd=one.paid_vnd,
        open_vnd=one.open_vnd,
        status=one.status,
        due_on=one.due_on,
        is_new=is_new,
    )
