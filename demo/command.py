"""`hocphi demo`: an invented school lives through a day, then stands there to be looked at."""

from __future__ import annotations

import json
import sys
import time

import click
import uvloop

from demo.report import DemoReport, as_json, as_lines
from demo.serving import HOST, bind
from demo.show import Stage, clear_home, run_demo
from gateway.cli.context import database, json_option, report_errors
from gateway.settings import settings


@click.command("demo")
@click.option(
    "--port", default=None, type=click.IntRange(0, 65_535), help="Port to serve on; 0: any."
)
@click.option("--no-serve", is_flag=True, help="End after the report.")
@json_option
def demo(port: int | None, no_serve: bool, as_json: bool) -> None:
    """Sống trọn một ngày thu phí của một trường giả định. / Live through a school's day.

    Uses a database of its own below HOCPHI_HOME/demo and starts clean each time. Ends with status 1
    unless every account closes to the đồng.
    """
    with report_errors():
        is_sound = _demo(port, keeps_serving=not no_serve, as_json=as_json)
    sys.exit(0 if is_sound else 1)


def _demo(port: int | None, *, keeps_serving: bool, as_json: bool) -> bool:
    started_s = time.monotonic()
    given = settings()
    home = given.home / "demo"
    demo_file = given.home / "demo.json"
    with bind(given.port if port is None else port) as bound:
        chosen_port: int = bound.getsockname()[1]
        chosen = given.model_copy(
            update={
                "database_url": None,  # never the operator's own
                "home": home,
                "base_url": f"http://{HOST}:{chosen_port}",
                "host": HOST,
                "port": chosen_port,
                "master_key": None,
                "reference_key": None,
                "sandbox": True,
                "trusted_proxies": 0,
            }
        )
        _notify("Chuẩn bị cơ sở dữ liệu… / preparing the database…")
        clear_home(home, demo_file)
        home.mkdir(parents=True, exist_ok=True)
        with database(chosen) as url:
            stage = Stage(
                settings=chosen,
                database_url=url,
                bound=bound,
                demo_file=demo_file,
                started_s=started_s,
            )
            show = _print_json if as_json else _print_lines
            return uvloop.run(run_demo(stage, _notify, show, keeps_serving=keeps_serving))


def _notify(line: str) -> None:
    """Steps go to stderr: stdout is the report's alone."""
    click.echo(line, err=True)


def _print_json(report: DemoReport) -> None:
    click.echo(json.dumps(as_json(report), ensure_ascii=False))


def _print_lines(report: DemoReport) -> None:
    click.echo("\n".join(as_lines(report)))
