"""The demo from beginning to end: gateway up, school made, day lived through, `demo.json` written, served.

It owns `home` (a folder of its own) with its embedded database, and `demo.json`; nothing else.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
from collections.abc import Callable, Coroutine
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from adapters.messages import msg
from core.kit.clock import business_date, now_utc
from core.kit.database import Query, transaction
from demo.course import take_course
from demo.errors import DemoFailedError, DemoRunningError
from demo.report import DemoReport, invitation
from demo.serving import serving, stop_on_signals
from demo.world import BANK_ACCOUNTS, SCHOOL_NAME, World, make_world
from gateway import embedded
from gateway.app import create_app
from gateway.context import AppContext
from gateway.settings import Settings
from sandbox.bank import Bank
from sandbox.pages import ROUTES, Sandbox
from sandbox.providers import open_servers

T = TypeVar("T")

ISSUED_BEFORE = timedelta(days=5)
SAMPLES = {"open": 6, "partial": 2, "paid": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where a demo takes place. `started_s`: when it began, on the monotonic clock."""

    settings: Settings
    database_url: str
    bound: socket.socket
    demo_file: Path
    started_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleInvoice:
    """An invoice to try things with. `standing`: "open", "partial" or "paid"."""

    reference: str
    standing: str
    amount_vnd: int
    open_vnd: int
    bank_account: str
    pay_url: str


def clear_home(home: Path, demo_file: Path) -> None:
    """Remove what an earlier demo left. Raises DemoRunningError while one still runs there."""
    if not embedded.discard(home / "postgres"):
        raise DemoRunningError
    for folder in ("statements", "settlements", "exports"):
        shutil.rmtree(home / folder, ignore_errors=True)
    for path in (home / "keys.json", home / "gateway.log", demo_file):
        path.unlink(missing_ok=True)


async def run_demo(
    stage: Stage,
    notify: Callable[[str], None],
    show: Callable[[DemoReport], None],
    *,
    keeps_serving: bool,
) -> bool:
    """Live through it and `show` the report; then serve until a signal comes. True when all is sound.

    `notify` is given a line at each step. Raises DemoFailedError.
    """
    settings = stage.settings
    with (settings.home / "gateway.log").open("w", buffering=1) as log_file:
        with redirect_stdout(log_file):  # logs go where stdout points now; the report's stays clean
            app = create_app(settings, stage.database_url, ROUTES)
        stop = stop_on_signals()
        async with serving(app, stage.bound) as server:
            context: AppContext = app.state.context

            async def live() -> tuple[DemoReport, World]:
                notify("Lập trường, nhập danh sách, phát hành phiếu… / school, roster, invoices…")
                day = business_date(now_utc()) - timedelta(days=1)
                world = await make_world(
                    context.engine, context.keys, settings.base_url, day - ISSUED_BEFORE
                )
                sandbox = Sandbox(
                    bank=Bank(BANK_ACCOUNTS),
                    notified=world.notified(),
                    servers=open_servers([one.at_provider() for one in world.merchants]),
                )
                app.state.sandbox = sandbox
                return await take_course(
                    context, world, sandbox, day, started_s=stage.started_s, notify=notify
                ), world

            lived = await _unless(stop, server, live())
            if lived is None:
                return False
            report, world = lived
            show(report)
            samples = await _samples(context, world)
            _write_demo_file(stage, world, report, samples)
            if keeps_serving:
                shown = {
                    standing: next(s.pay_url for s in samples if s.standing == standing)
                    for standing in SAMPLES
                }
                for line in invitation(report, world, shown, str(stage.demo_file)):
                    notify(line)
                await _unless(stop, server, _forever())
            return report.is_sound


async def _forever() -> None:
    await asyncio.Event().wait()


async def _unless(
    stop: asyncio.Event, server: asyncio.Task[None], work: Coroutine[Any, Any, T]
) -> T | None:
    """What the work gives; None when a signal came first. Raises DemoFailedError if the server ended."""
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping, server}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        if server.done():
            raise DemoFailedError(msg("cổng tự dừng, xem gateway.log"))
        return None
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


_SAMPLES = Query(
    SampleInvoice,
    """
SELECT reference, standing, amount_vnd, open_vnd, bank_account, $3 || token AS pay_url
  FROM (SELECT i.id, i.reference, i.token, i.total_vnd AS amount_vnd, i.total_vnd - i.paid_vnd AS open_vnd,
               b.number AS bank_account, s.standing, s.position,
               row_number() OVER (PARTITION BY s.standing, b.number ORDER BY i.id) AS nth
          FROM invoice i
          JOIN bank_account b ON b.school_id = i.school_id AND b.id = i.bank_account_id
          JOIN unnest($2::text[]) WITH ORDINALITY AS s(standing, position)
            ON s.position = CASE WHEN i.paid_vnd = 0 THEN 1 WHEN i.paid_vnd < i.total_vnd THEN 2 ELSE 3 END
         WHERE i.school_id = $1 AND i.cancelled_at IS NULL) AS found
 WHERE nth <= ($4::int[])[position]
 ORDER BY position, bank_account, id
    """,
)


async def _samples(context: AppContext, world: World) -> list[SampleInvoice]:
    """A few invoices of each standing at each account, the open ones first."""
    async with transaction(context.engine) as db:
        return await db.fetch(
            _SAMPLES,
            world.school_id,
            list(SAMPLES),
            f"{context.settings.base_url}/pay/",
            list(SAMPLES.values()),
        )


def _write_demo_file(
    stage: Stage, world: World, report: DemoReport, samples: list[SampleInvoice]
) -> None:
    """Everything that a client needs to try the demo; readable by its owner only, for it has secrets."""
    contents = {
        "base_url": report.base_url,
        "school": {"id": world.school_id, "name": SCHOOL_NAME},
        "business_date": report.day.isoformat(),
        "api_key": world.api_key,
        "console_url": f"{report.base_url}/console",
        "logins": [asdict(login) for login in world.logins],
        "bank_accounts": [
            {"bin": account.bin, "number": account.number, "holder": account.holder}
            for account in BANK_ACCOUNTS
        ],
        "merchant_accounts": [asdict(merchant) for merchant in world.merchants],
        "invoices": [asdict(sample) for sample in samples],
        "export_files": list(report.export_files),
        "statement_files": list(report.statement_files),
    }
    unfinished = stage.demo_file.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(contents, file, ensure_ascii=False, indent=2)
    unfinished.replace(stage.demo_file)
