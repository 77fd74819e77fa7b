"""`hocphi …`: the operator's commands, each a few lines over a service.

A package above this one adds a command of its own by the entry point group `hocphi.commands`.
"""

from __future__ import annotations

from importlib.metadata import entry_points

import click

from gateway.cli.applications import import_applications
from gateway.cli.closing import close_day_command, reopen_day_command
from gateway.cli.doctor import doctor
from gateway.cli.export import export_file
from gateway.cli.fees import approve_fees, import_concessions, import_fees, issue_invoices
from gateway.cli.merchants import (
    add_bank_account_command,
    add_merchant_account_command,
    register_webhook_command,
    set_credentials_command,
)
from gateway.cli.reconcile import reconcile_days
from gateway.cli.refunds import set_refund_limit_command
from gateway.cli.schools import (
    create_api_key_command,
    create_school_command,
    create_user_command,
    import_roster_command,
    revoke_api_key_command,
)
from gateway.cli.serve import migrate_schema, serve
from gateway.cli.settlements import import_settlement_file, settlement_terms_command
from gateway.cli.statements import import_statement_file
from gateway.cli.statistics import statistics
from gateway.cli.worker import worker


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Cổng thu phí không tiền mặt cho trường học. / The cashless fee gateway for schools."""


main.add_command(serve)
main.add_command(worker)
main.add_command(migrate_schema)
main.add_command(doctor)
main.add_command(create_school_command)
main.add_command(add_bank_account_command)
main.add_command(add_merchant_account_command)
main.add_command(set_credentials_command)
main.add_command(register_webhook_command)
main.add_command(create_user_command)
main.add_command(create_api_key_command)
main.add_command(revoke_api_key_command)
main.add_command(set_refund_limit_command)
main.add_command(import_roster_command)
main.add_command(import_fees)
main.add_command(import_concessions)
main.add_command(approve_fees)
main.add_command(issue_invoices)
main.add_command(import_applications)
main.add_command(import_statement_file)
main.add_command(import_settlement_file)
main.add_command(settlement_terms_command)
main.add_command(reconcile_days)
main.add_command(close_day_command)
main.add_command(reopen_day_command)
main.add_command(export_file)
main.add_command(statistics)

for _plugin in entry_points(group="hocphi.commands"):
    main.add_command(_plugin.load())

if __name__ == "__main__":
    main()
