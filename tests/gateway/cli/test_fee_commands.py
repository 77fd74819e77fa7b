"""From class list and fee file to invoices, as an operator types it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support.fee_school import BUS, LUNCH, TITLES, fee_file

from gateway.cli.main import main
from gateway.settings import settings

LIST = "Mã học sinh,Họ và tên,Lớp\nA1,Nguyễn Minh An,3A\nA2,Lê Bình,3B\nA3,Trần Chi,4A\n"


@pytest.fixture
def folder(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder, and a school with an account and three pupils in the test's database."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("HOCPHI_HOME", str(tmp_path / "var"))
    settings.cache_clear()
    (tmp_path / "roster.csv").write_text(LIST)
    run("create-school", "--code", "TH01", "--name", "Trường Tiểu học Hoa Sen")
    run("add-bank-account", "--bin", "970436", "--number", "0011000001", "--holder", "Trường")
    run("import-roster", str(tmp_path / "roster.csv"), "--school-year", "2026-2027", "--yes")
    yield tmp_path
    settings.cache_clear()


def run(*words: str, fails: bool = False) -> Result:
    result = CliRunner().invoke(main, list(words))
    assert (result.exit_code != 0) is fails, result.output
    return result


def told(*words: str, fails: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*words, "--json", fails=fails).stdout)
    return found


def test_from_the_file_to_the_invoices(folder: Path) -> None:
    file = folder / "khoan-thu.xlsx"
    file.write_bytes(fee_file([LUNCH, BUS], [("A2", "XE")]))
    shown = run("import-fees", str(file)).output
    assert "3 học sinh, 3 phiếu báo thu" in shown
    assert "2.580.000 đ" in shown
    assert "Chưa ghi gì" in shown
    assert told("import-fees", str(file))["schedule_id"] is None

    drafted = told("import-fees", str(file), "--yes", "--as", "co.lan")
    assert (drafted["is_new"], drafted["invoices"], drafted["total_vnd"]) == (True, 3, 2_580_000)
    again = told("import-fees", str(file), "--yes", "--as", "co.lan")
    assert (again["is_new"], again["schedule_id"]) == (False, drafted["schedule_id"])

    number = str(drafted["schedule_id"])
    assert "chưa được duyệt" in run("issue", number, fails=True).stderr
    assert "một người khác" in run("approve-fees", number, "--as", "co.lan", fails=True).stderr
    run("approve-fees", number, "--as", "thay.hung")
    issued = told("issue", number, "--on", "2026-09-05")
    assert (issued["invoices"], issued["total_vnd"], issued["already"]) == (3, 2_580_000, 0)
    assert issued["issued_on"] == "2026-09-05"
    assert told("issue", number)["already"] == 3


def test_faults_are_shown_with_their_cells_and_nothing_is_written(folder: Path) -> None:
    file = folder / "khoan-thu.xlsx"
    wrong = ("BH", "Bảo hiểm", "Thu hộ", "năm", -5, 1, "777", "không", "3C")
    file.write_bytes(fee_file([(*LUNCH[:8], "3C"), wrong], titles=TITLES))
    shown = run("import-fees", str(file), "--yes", fails=True).output
    assert "dòng 6, Đơn giá (E)" in shown
    assert "không có lớp «3C»" in shown
    report = told("import-fees", str(file), "--yes", fails=True)
    assert {fault["code"] for fault in report["faults"]} == {
        "negative",
        "unknown_class",
        "unknown_account",
    }
    assert (report["drafted"], report["invoices"]) == (False, None)


def test_a_file_that_is_no_table(folder: Path) -> None:
    (folder / "x.xlsx").write_bytes(b"PK\x03\x04 broken")
    refused = run("import-fees", str(folder / "x.xlsx"), "--yes", fails=True)
    assert "x.xlsx" in refused.stderr
    assert "Traceback" not in refused.output
