"""`hocphi …`: the operator's door. Every command is a few lines over a service."""

from __future__ import annotations

import click

from gateway.commands.serve import migrate_schema, serve


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Cổng thu phí không tiền mặt cho trường học. / The cashless fee gateway for schools."""


main.add_command(serve)
main.add_command(migrate_schema)

if __name__ == "__main__":
    main()
