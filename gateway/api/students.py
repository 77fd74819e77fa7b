"""`/api/v1/roster-imports`: a class list is previewed, and written with `accept=true`."""

from __future__ import annotations

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromQuery

from core.identity.service import ApiCaller
from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from core.students.service import accept_roster, preview_roster, school_year_of
from gateway.api.base import HttpRequest, UploadOperation, read_upload
from gateway.context import AppContext
from gateway.problems import FaultBody, fault_bodies


class RosterImport(msgspec.Struct, frozen=True):
    """What the list would change, or (`accepted`) has changed. `absent`: pupils it does not name."""

    accepted: bool
    school_year: str
    created: int
    updated: int
    unchanged: int
    absent: int
    new_classes: list[str]
    ignored_columns: list[str]
    faults: list[FaultBody]
    warnings: list[FaultBody]


@post(
    "/roster-imports",
    operation_id="import_roster",
    tags=["students"],
    status_code=200,
    operation_class=UploadOperation,
)
async def import_roster(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    caller: NamedDependency[ApiCaller],
    accept: FromQuery[bool] = False,
    school_year: FromQuery[str | None] = None,
) -> RosterImport:
    """Read an Excel or CSV class list. Without `accept` nothing is written and every fault is listed."""
    upload = await read_upload(request)
    year = school_year or school_year_of(business_date(now_utc()))
    async with transaction(context.engine) as db:
        preview = await preview_roster(
            db, caller.school_id, upload.data, upload.name, year, keys=context.keys
        )
        if accept:
            await accept_roster(
                db,
                context.keys,
                caller.school_id,
                upload.data,
                upload.name,
                year,
                actor=caller.actor,
            )
    return RosterImport(
        accepted=accept,
        school_year=preview.school_year,
        created=preview.created,
        updated=preview.updated,
        unchanged=preview.unchanged,
        absent=preview.absent,
        new_classes=list(preview.new_classes),
        ignored_columns=list(preview.ignored_columns),
        faults=fault_bodies(preview.faults),
        warnings=fault_bodies(preview.warnings),
    )
