"""`hocphi serve`, `hocphi migrate`."""

from __future__ import annotations

import signal
import sys

import click
import uvicorn

from gateway.app import create_app
from gateway.cli.context import database, json_option, print_result
from gateway.settings import settings

GRACE_S = 5  # open live streams do not hold the end up for longer


@click.command("serve")
def serve() -> None:
    """Chạy cổng thu phí. / Serve the gateway until interrupted."""
    chosen = settings()
    # uvicorn raises the signal again once it has stopped: it must unwind, so that an embedded
    # PostgreSQL is stopped too
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with database(chosen) as url:
        uvicorn.run(
            create_app(chosen, url),
            host=chosen.host,
            port=chosen.port,
            loop="uvloop",
            http="httptools",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )


@click.command("migrate")
@json_option
def migrate_schema(as_json: bool) -> None:
    """Cập nhật lược đồ. / Bring the database's schema up to date."""
    with database():
        print_result(
            {"schema": "head"},
            as_json=as_json,
            lines=["Lược đồ đã cập nhật. / Schema is up to date."],
        )
