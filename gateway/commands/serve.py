"""`hocphi serve`, `hocphi migrate`."""

from __future__ import annotations

import click
import uvicorn

from gateway.app import create_app
from gateway.commands.context import database, json_option, print_result
from gateway.settings import settings


@click.command("serve")
def serve() -> None:
    """Serve the gateway until interrupted."""
    chosen = settings()
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
        )


@click.command("migrate")
@json_option
def migrate_schema(as_json: bool) -> None:
    """Bring the database's schema up to date."""
    with database():
        print_result(
            {"schema": "head"},
            as_json=as_json,
            lines=["Lược đồ đã cập nhật. / Schema is up to date."],
        )
