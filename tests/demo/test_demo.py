"""`hocphi demo --no-serve --json`, run as a user runs it, from another folder, in a folder of its own."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from adapters import IPN
from gateway import embedded


@dataclass(frozen=True)
class Done:
    """A demo that has ended."""

    home: Path
    status: int
    stdout: str
    stderr: str

    @property
    def said(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.stdout)
        return found


@pytest.fixture(scope="module")
def demo() -> Iterator[Done]:
    with tempfile.TemporaryDirectory(prefix="hocphi-demo-") as folder:  # 0700
        home = Path(folder) / "var"
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("HOCPHI_") and name != "DATABASE_URL"
        }
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "gateway.cli.main",
                "demo",
                "--no-serve",
                "--json",
                "--port",
                "0",
            ],
            cwd=folder,
            env=environment | {"HOCPHI_HOME": str(home)},
            capture_output=True,
            text=True,
            check=False,
        )
        yield Done(home, done.returncode, done.stdout, done.stderr)
        assert embedded.discard(home / "demo" / "postgres"), "the demo left its server running"


def test_it_ends_well_and_prints_one_json_object(demo: Done) -> None:
    assert demo.status == 0, demo.stderr
    assert demo.stdout.count("\n") == 1
    assert {"counts", "proof", "exceptions", "export_files"} <= demo.said.keys()


def test_every_account_is_proved_to_the_dong(demo: Done) -> None:
    proof = demo.said["proof"]
    assert len(proof) == 3 + 9  # three bank accounts and what nine providers hold
    for account in proof:
        assert account.keys() == {"account", "opening_vnd", "closing_vnd", "difference_vnd"}
        assert account["difference_vnd"] == 0
        # three providers tell no time: their payments are of today
        assert account["closing_vnd"] >= account["opening_vnd"] >= 0


def test_money_came_by_every_door(demo: Done) -> None:
    counts = demo.said["counts"]
    assert counts["by_adapter"].keys() == IPN.keys()
    assert min(counts["by_adapter"].values()) >= 6
    assert (counts["portal_outward"], counts["portal_inward"]) == (6, 8)
    assert counts["receipts"] == 6
    assert counts["applications"] == 24


def test_the_sandbox_and_the_gateway_notify_the_same_day(demo: Done) -> None:
    said = demo.said
    assert said["is_sound"] is True
    assert said["invoices_off"] == 0
    for account in said["books"]:
        assert (account["difference_vnd"], account["differing"]) == (0, 0)
        assert account["sandbox_payments"] == account["gateway_payments"] >= 6


def test_the_day_had_its_noise(demo: Done) -> None:
    counts = demo.said["counts"]
    assert 580 <= counts["pupils"] <= 620
    assert counts["payments"] == sum(counts["by_adapter"].values()) == 574
    assert 80 <= counts["duplicates"] <= 150
    assert (counts["refused"], counts["conflicting"]) == (1, 1)
    assert counts["lost"] == 12
    assert (counts["healed_by_asking"], counts["healed"]) == (9, 3)
    assert counts["corrected"] == 12
    # all but the second of two, another pupil's, the nameless one, two under and one given back
    assert counts["invoices_paid"] == 574 - 3 - 2 - 1
    assert counts["invoices_partly_paid"] == 2


def test_what_a_person_must_see_is_listed(demo: Done) -> None:
    assert demo.said["exceptions"] == {
        "amount_mismatch": 4,
        "conflicting_duplicate": 1,
        "duplicate_payment": 2,
        "unexplained_debit": 1,
        "unknown_reference": 1,
    }


def test_the_morning_after_settles_to_the_dong(demo: Done) -> None:
    """Fees, a refund, a batch that is late and money without a word."""
    morning = demo.said["morning"]
    proof = {account["account"].split(":")[0]: account for account in morning["proof"]}
    assert len(proof) == 3 + 9
    assert {account["difference_vnd"] for account in proof.values()} == {0}
    # paid out whole: nothing is left with them; the third has told, and not paid
    assert (proof["vnpay"]["closing_vnd"], proof["momo"]["closing_vnd"]) == (0, 0)
    assert morning["late"] == {"zalopay": proof["zalopay"]["closing_vnd"]}
    assert (morning["refunds"], morning["batches_booked"]) == (1, 2)
    assert morning["fees_vnd"] > 0
    assert morning["matches"]["settlement"] == 2
    assert morning["exceptions"] == {
        "fee_variance": 1,
        "unexplained_debit": 1,
        "unknown_reference": 1,
    }


def test_files_are_written(demo: Done) -> None:
    exports = [Path(path) for path in demo.said["export_files"]]
    assert {path.suffix for path in exports} == {".xlsx", ".csv"}
    for path in (*exports, *map(Path, demo.said["statement_files"])):
        assert path.stat().st_size > 500


def test_demo_json_has_what_a_client_needs_and_is_private(demo: Done) -> None:
    path = demo.home / "demo.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    said = json.loads(path.read_text())
    assert said["base_url"] == demo.said["base_url"]
    assert said["api_key"]
    assert {login["role"] for login in said["logins"]} == {"accountant", "approver"}
    for merchant in said["merchant_accounts"]:
        assert merchant["ipn_url"].endswith(f"/ipn/{merchant['adapter']}/{merchant['account_key']}")
        assert all(merchant["secrets"].values())
    assert {m["adapter"] for m in said["merchant_accounts"]} == IPN.keys()
    unpaid = [i for i in said["invoices"] if i["open_vnd"] == i["amount_vnd"]]
    assert len({invoice["bank_account"] for invoice in unpaid}) == 3
    assert any(invoice["open_vnd"] == 0 for invoice in said["invoices"])


def test_no_secret_and_no_name_stands_in_the_logs(demo: Done) -> None:
    said = json.loads((demo.home / "demo.json").read_text())
    log = (demo.home / "demo" / "gateway.log").read_text() + demo.stderr
    secrets = [secret for m in said["merchant_accounts"] for secret in m["secrets"].values()]
    secrets += [said["api_key"], *(login["password"] for login in said["logins"])]
    assert [secret for secret in secrets if secret in log] == []
    assert "Nguyễn" not in log
    assert all(json.loads(line)["event"] for line in log.splitlines() if line.startswith("{"))
