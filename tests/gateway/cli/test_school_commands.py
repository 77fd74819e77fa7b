"""Setting a school up from the terminal: the words, what they print, and what they keep to themselves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from click.testing import CliRunner, Result
from support.live import listening, served

from gateway.cli.main import main
from gateway.settings import settings
from sandbox.payos import Payos
from sandbox.provider import Merchant
from sandbox.providers import open_servers
from sandbox.servers import Trouble

LIST = "Mã học sinh,Họ và tên,Ngày sinh,Lớp\nA1,Nguyễn Minh An,05/09/2017,3A\nA2,Lê Bình,,3B\n"


class Terminal:
    """`hocphi` on a database of the test's own."""

    def __init__(self, database_url: str) -> None:
        self.database_url = database_url

    def run(self, *words: str, typed: str = "", fails: bool = False) -> Result:
        """Run a command; its exit status is checked."""
        result = CliRunner().invoke(main, list(words), input=typed)
        assert (result.exit_code != 0) is fails, result.output
        return result

    def json(self, *words: str, typed: str = "", fails: bool = False) -> dict[str, Any]:
        """The one JSON object that `--json` prints."""
        found: dict[str, Any] = json.loads(
            self.run(*words, "--json", typed=typed, fails=fails).stdout
        )
        return found

    def ask(self, query: str) -> Any:
        """One value from the database."""

        async def fetch() -> Any:
            db = await asyncpg.connect(self.database_url.replace("+asyncpg", ""))
            try:
                return await db.fetchval(query)
            finally:
                await db.close()

        return asyncio.run(fetch())


@pytest.fixture
def terminal(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Terminal]:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("HOCPHI_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("HOCPHI_BASE_URL", "https://hocphi.example")
    settings.cache_clear()
    terminal = Terminal(database_url)
    terminal.run("create-school", "--code", "TH01", "--name", "Trường Tiểu học Hoa Sen")
    yield terminal
    settings.cache_clear()


def test_a_school_with_its_accounts(terminal: Terminal, tmp_path: Path) -> None:
    account = ("--bin", "970436", "--number", "0071000123456", "--holder", "Trường TH Hoa Sen")
    assert terminal.json("add-bank-account", *account)["bank_account_id"]
    refused = terminal.run("add-bank-account", *account, fails=True)
    assert "Trường đã có số tài khoản này." in refused.stderr

    words = (
        "add-merchant-account",
        "--adapter",
        "sepay",
        "--account",
        "0071000123456",
        "--settlement",
        "direct",
    )
    credentials = json.dumps({"secrets": {"api_key": "TOP-SECRET"}, "settings": {"auth": "apikey"}})
    made = terminal.json(*words, typed=credentials)
    assert made["ipn_url"] == f"https://hocphi.example/ipn/sepay/{made['account_key']}"
    file = tmp_path / "sepay.json"
    file.write_text(credentials)
    assert (
        "https://hocphi.example/ipn/sepay/"
        in terminal.run(*words, "--credentials", str(file)).output
    )
    for wrong in ("{", '{"secrets": ["TOP-SECRET"]}', '{"secrets": {"pin": "TOP-SECRET"}}'):
        refused = terminal.run(*words, typed=wrong, fails=True)
        assert "TOP-SECRET" not in refused.output
    assert terminal.ask("SELECT count(*) FROM merchant_account WHERE adapter = 'sepay'") == 2
    terminal.run(*words[:4], "999", *words[5:], typed=credentials, fails=True)


def open_payos(terminal: Terminal, api_url: str) -> str:
    """A merchant account with payOS; its account_key."""
    terminal.run(
        "add-bank-account", "--bin", "970436", "--number", "0071000123456", "--holder", "TH"
    )
    credentials = {
        "secrets": {"api_key": "OLD-API-KEY", "checksum_key": "OLD-CHECKSUM"},
        "settings": {"client_id": "c1", "api_url": api_url, "partner_code": "P1"},
    }
    words = ("--adapter", "payos", "--account", "0071000123456", "--settlement", "direct")
    made = terminal.json("add-merchant-account", *words, typed=json.dumps(credentials))
    key: str = made["account_key"]
    return key


def test_keys_are_replaced_in_place(terminal: Terminal, tmp_path: Path) -> None:
    key = open_payos(terminal, "https://payos.example")
    words = ("set-credentials", "--account-key", key)
    new = json.dumps(
        {"secrets": {"checksum_key": "NEW-CHECKSUM"}, "settings": {"partner_code": ""}}
    )
    said = terminal.run(*words, typed=new)
    assert said.stdout.startswith("Đã đổi: secrets.checksum_key, settings.partner_code;")
    assert "15 giây" in said.stdout
    assert "NEW-CHECKSUM" not in said.output
    assert terminal.ask("SELECT settings ? 'partner_code' FROM merchant_account WHERE adapter = 'payos'") is False  # fmt: skip
    assert terminal.ask("SELECT detail::text FROM audit_entry WHERE actor = 'operator'") == (
        '{"adapter": "payos", "changed": ["secrets.checksum_key", "settings.partner_code"]}'
    )
    file = tmp_path / "payos.json"
    file.write_text(new)
    assert "Không có gì thay đổi." in terminal.run(*words, "--credentials", str(file)).stdout
    file.write_text('{"settings": {"client_id": "c2"}}')
    again = terminal.json(*words, "--credentials", str(file))
    assert again == {"changed": ["settings.client_id"]}

    for wrong in (
        "{",
        "[]",
        "{}",
        '{"secret": {"api_key": "TOP-SECRET"}}',
        '{"secrets": {"api_key": "TOP-SECRET"}, "setings": {}}',
        '{"secrets": {"pin": "TOP-SECRET"}}',
        '{"secrets": {"api_key": ""}}',
    ):
        refused = terminal.run(*words, typed=wrong, fails=True)
        assert refused.stderr
        assert "TOP-SECRET" not in refused.output
    unknown = terminal.run("set-credentials", "--account-key", "nobody", typed=new, fails=True)
    assert "Không tìm thấy kênh thu" in unknown.stderr
    assert terminal.ask("SELECT count(*) FROM audit_entry WHERE actor = 'operator'") == 2


def test_payos_is_notified_our_address(terminal: Terminal) -> None:
    with listening() as (listener, url):
        api_url = f"{url}/sandbox/payos"
        key = open_payos(terminal, api_url)
        merchant = Merchant(
            provider="payos",
            ipn_url="",
            account_number="0071000123456",
            settings={"client_id": "c1", "api_url": api_url},
            secrets={"api_key": "OLD-API-KEY", "checksum_key": "OLD-CHECKSUM"},
        )
        servers = open_servers([merchant])
        server = servers.servers["payos"]
        assert isinstance(server, Payos)
        words = ("register-webhook", "--account-key", key)
        with served(servers, listener):
            said = terminal.run(*words)
            address = f"https://hocphi.example/ipn/payos/{key}"
            assert said.stdout.splitlines() == [
                "payos đã nhận địa chỉ IPN. / payos keeps the IPN address.",
                address,
            ]
            assert server.webhooks == {"c1": address}
            assert terminal.json(*words) == {"adapter": "payos", "ipn_url": address}
            servers.trouble("payos", Trouble.HTML)
            refused = terminal.run(*words, fails=True)
            assert "chưa nhận địa chỉ" in refused.stderr
            assert "OLD-API-KEY" not in refused.output
        refused = terminal.run(*words, fails=True)  # nobody is there any more
        assert "không trả lời" in refused.stderr
    refused = terminal.run("register-webhook", "--account-key", "nobody", fails=True)
    assert "Không tìm thấy kênh thu" in refused.stderr
    assert terminal.ask("SELECT count(*) FROM audit_entry WHERE action LIKE '%registered'") == 2


def test_a_user_and_a_key(terminal: Terminal) -> None:
    words = ("create-user", "--username", "lan", "--display-name", "Lan", "--role", "accountant")
    typed = "mật khẩu rất dài\n"
    assert terminal.json(*words, "--password-stdin", typed=typed)["user_id"]
    assert (
        "mật khẩu"
        not in terminal.run(
            "create-user",
            "--username",
            "mai",
            "--display-name",
            "Mai",
            "--role",
            "approver",
            typed=typed * 2,
        ).stdout
    )
    assert terminal.ask("SELECT count(*) FROM app_user") == 2
    assert terminal.json("create-api-key", "--name", "SMAS")["api_key"].startswith("hpk_")
    terminal.run("revoke-api-key", "--name", "SMAS")
    terminal.run("revoke-api-key", "--name", "SMAS", fails=True)


def test_a_roster_is_shown_and_written_only_on_a_word(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "lop.csv"
    file.write_text(LIST)
    words = ("import-roster", str(file), "--school-year", "2026-2027")
    shown = terminal.run(*words, typed="y\n")
    assert "2 học sinh mới" in shown.output
    assert "Chưa ghi gì." in shown.output
    assert terminal.ask("SELECT count(*) FROM student") == 0
    written = terminal.json(*words, "--yes")
    assert (written["accepted"], written["created"], written["new_classes"]) == (
        True,
        2,
        ["3A", "3B"],
    )
    again = terminal.json(*words, "--yes")
    assert (again["created"], again["unchanged"]) == (0, 2)


def test_a_roster_with_faults_shows_them_all_and_writes_nothing(
    terminal: Terminal, tmp_path: Path
) -> None:
    file = tmp_path / "lop.csv"
    file.write_text(LIST + "A1,,32/01/2017,Xyz\n")
    words = ("import-roster", str(file), "--school-year", "2026-2027", "--yes")
    notified = terminal.json(*words, fails=True)
    assert {fault["code"] for fault in notified["faults"]} == {
        "duplicate_student",
        "missing_name",
        "bad_date",
        "unknown_class",
    }
    assert "dòng/row 4, Ngày sinh (C) [32/01/2017]" in terminal.run(*words, fails=True).output
    assert terminal.ask("SELECT count(*) FROM student") == 0
    file.write_bytes(b"PK\x03\x04")
    assert "hỏng" in terminal.run(*words, fails=True).stderr
