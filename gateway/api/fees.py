"""`/api/v1/fee-schedules`: a fee file is previewed, drafted, approved by another, and issued."""

from __future__ import annotations

from datetime import date

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from core.fees.concessions import accept_concessions, preview_concessions
from core.fees.service import approve_schedule, draft_schedule, preview_schedule
from core.identity.service import ApiCaller
from core.invoices.service import issue
from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from gateway.api.base import HttpRequest, UploadOperation, read_upload
from gateway.context import AppContext
from gateway.problems import FaultBody, fault_bodies


class FeeLineBody(msgspec.Struct, frozen=True):
    """One fee of the schedule. `scope`: "all", "grade:3", "class:3A" or "application"; VND.

    `period_months`: for how many months, from the schedule's on; more than one is charged ahead.
    """

    item_code: str
    name: str
    nature: str
    scope: str
    unit_price_vnd: int
    quantity: int
    period_months: int
    account_number: str
    is_optional: bool


class FeeScheduleImport(msgspec.Struct, frozen=True):
    """What a fee file is, and (`accepted`) the schedule drafted of it.

    `kind`: "roster", or "application" for a service that is paid by the file (hồ sơ).
    `forecast_*` count for the pupils enrolled by now; null while a fault stands. `forecast_total_vnd`
    is what families are asked, once what the school and the State bear is taken off.
    """

    accepted: bool
    schedule_id: int | None
    is_new: bool
    kind: str
    name: str
    school_year: str
    month: date | None
    due_on: date | None
    lines: list[FeeLineBody]
    forecast_invoices: int | None
    forecast_total_vnd: int | None
    forecast_conceded_by_school_vnd: int | None
    forecast_conceded_by_state_vnd: int | None
    faults: list[FaultBody]


class FeeScheduleState(msgspec.Struct, frozen=True):
    """A schedule after a step: "approved"."""

    schedule_id: int
    status: str


class FeeScheduleIssued(msgspec.Struct, frozen=True):
    """What this call made (0 and 0 VND when all was issued before) and what was there `already`.

    `conceded_by_*`: what of the full price the school and the State bear beside `total_vnd`.
    """

    schedule_id: int
    invoices: int
    total_vnd: int
    already: int
    conceded_by_school_vnd: int
    conceded_by_state_vnd: int


class ConcessionImport(msgspec.Struct, frozen=True):
    """What the list would change, or (`accepted`) has changed. `changed`: another last day or basis."""

    accepted: bool
    created: int
    changed: int
    unchanged: int
    faults: list[FaultBody]


@post(
    "/fee-schedules",
    operation_id="import_fee_schedule",
    tags=["fees"],
    status_code=200,
    operation_class=UploadOperation,
)
async def import_fee_schedule(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    caller: NamedDependency[ApiCaller],
    accept: FromQuery[bool] = False,
) -> FeeScheduleImport:
    """Read a fee file. Without `accept` nothing is written and every fault is listed; with it, a draft is."""
    upload = await read_upload(request)
    async with transaction(context.engine) as db:
        preview = await preview_schedule(db, caller.school_id, upload.data, upload.name)
        schedule_id, is_new = preview.schedule_id, False
        if accept:
            drafted = await draft_schedule(
                db, caller.school_id, upload.data, upload.name, actor=caller.actor
            )
            schedule_id, is_new = drafted.schedule_id, drafted.is_new
    forecast = preview.forecast
    return FeeScheduleImport(
        accepted=accept,
        schedule_id=schedule_id,
        is_new=is_new,
        kind=preview.kind,
        name=preview.name,
        school_year=preview.school_year,
        month=preview.month,
        due_on=preview.due_on,
        lines=[
            FeeLineBody(
                item_code=line.item_code,
                name=line.name,
                nature=line.nature,
                scope=line.scope,
                unit_price_vnd=line.unit_price_vnd,
                quantity=line.quantity,
                period_months=line.period_months,
                account_number=line.account,
                is_optional=line.is_optional,
            )
            for line in preview.lines
        ],
        forecast_invoices=forecast.invoice_count if forecast else None,
        forecast_total_vnd=forecast.total_vnd if forecast else None,
        forecast_conceded_by_school_vnd=preview.relief.by_school_vnd if forecast else None,
        forecast_conceded_by_state_vnd=preview.relief.by_state_vnd if forecast else None,
        faults=fault_bodies(preview.faults),
    )


@post(
    "/fee-schedules/{schedule_id:int}/approve",
    operation_id="approve_fee_schedule",
    tags=["fees"],
    status_code=200,
)
async def approve_fee_schedule(
    context: NamedDependency[AppContext],
    caller: NamedDependency[ApiCaller],
    schedule_id: FromPath[int],
) -> FeeScheduleState:
    """Approve a draft that another person, or another key, has made."""
    async with transaction(context.engine) as db:
        await approve_schedule(db, caller.school_id, schedule_id, actor=caller.actor)
    return FeeScheduleState(schedule_id, "approved")


@post(
    "/fee-schedules/{schedule_id:int}/issue",
    operation_id="issue_fee_schedule",
    tags=["fees"],
    status_code=200,
)
async def issue_fee_schedule(
    context: NamedDependency[AppContext],
    caller: NamedDependency[ApiCaller],
    schedule_id: FromPath[int],
) -> FeeScheduleIssued:
    """Make the invoices of an approved schedule, all at once; again, it makes none."""
    async with transaction(context.engine) as db:
        issued = await issue(
            db,
            context.keys,
            caller.school_id,
            schedule_id,
            on=business_date(now_utc()),
            actor=caller.actor,
        )
    return FeeScheduleIssued(
        schedule_id=schedule_id,
        invoices=issued.invoices,
        total_vnd=issued.total_vnd,
        already=issued.already,
        conceded_by_school_vnd=issued.conceded_by_school_vnd,
        conceded_by_state_vnd=issued.conceded_by_state_vnd,
    )


@post(
    "/concession-imports",
    operation_id="import_concessions",
    tags=["fees"],
    status_code=200,
    operation_class=UploadOperation,
)
async def import_concessions(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    caller: NamedDependency[ApiCaller],
    accept: FromQuery[bool] = False,
) -> ConcessionImport:
    """Read a list of concessions. Without `accept` nothing is written and every fault is listed."""
    upload = await read_upload(request)
    async with transaction(context.engine) as db:
        preview = await preview_concessions(db, caller.school_id, upload.data, upload.name)
        if accept:
            await accept_concessions(
                db, caller.school_id, upload.data, upload.name, actor=caller.actor
            )
    return ConcessionImport(
        accepted=accept,
        created=preview.created,
        changed=preview.changed,
        unchanged=preview.unchanged,
        faults=fault_bodies(preview.faults),
    )
