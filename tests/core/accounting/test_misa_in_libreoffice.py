"""The exported sheets as an office program opens them: every column, row, day and amount where it belongs."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.accounting_school import busy_world, export, sheet_of
from support.general_vouchers import GENERAL_HEADERS
from support.paths import REPOSITORY
from support.voucher_exports import MISA_HEADERS

from core.accounting.export import VoucherFile
from core.accounting.journal import HEADERS
from core.kit.database import transaction

FOUND_BY_SETUP = REPOSITORY / ".tools" / "soffice"
# separator, quote, UTF-8, from the first row, text as it is shown on screen
AS_SHOWN = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,true"
LONG_ENOUGH = 180
HEADERS_OF: Mapping[str, list[str]] = {
    "misa-receipts": MISA_HEADERS,
    "misa-general": GENERAL_HEADERS,
    "journal-xlsx": list(HEADERS),
}


@pytest.fixture(scope="session")
def soffice() -> str:
    """The path of a LibreOffice. Without one the test fails: it is never skipped."""
    candidates = [
        os.environ.get("SOFFICE", ""),
        FOUND_BY_SETUP.read_text().strip() if FOUND_BY_SETUP.exists() else "",
        *(shutil.which(name) or "" for name in ("soffice", "libreoffice")),
    ]
    for path in filter(None, candidates):
        if shutil.which(path):
            return path
    pytest.fail(
        "no LibreOffice found in $SOFFICE, .tools/soffice or PATH: run `make test`, which gets one,"
        " or `bash tools/office.sh`"
    )


def opened(
    soffice: str, folder: Path, files: Mapping[str, VoucherFile]
) -> dict[str, list[list[str]]]:
    """Each file as LibreOffice shows it: its cells as text, all converted in one run."""
    for name, made in files.items():
        (folder / f"{name}.xlsx").write_bytes(made.content)
    command = [
        soffice, "--headless", "--norestore", f"-env:UserInstallation=file://{folder}/profile",
        "--convert-to", AS_SHOWN, "--outdir", str(folder / "out"),
        *(str(folder / f"{name}.xlsx") for name in files),
    ]  # fmt: skip
    done = subprocess.run(
        command,
        capture_output=True,
        timeout=LONG_ENOUGH,
        check=False,
        env={**os.environ, "HOME": str(folder)},
    )
    assert done.returncode == 0, done.stderr.decode()
    tables = {}
    for name in files:
        with (folder / "out" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            tables[name] = list(csv.reader(file))
    return tables


def vnd(shown: str) -> int:
    return int(shown.replace(",", "").replace(".", ""))


def day(shown: str) -> date:
    return datetime.strptime(shown, "%d/%m/%Y").date()  # noqa: DTZ007 - a day has no zone


async def test_misa_files_and_the_journal_open_with_their_columns_and_totals(
    engine: AsyncEngine, soffice: str, tmp_path: Path
) -> None:
    world = await busy_world(engine)
    async with transaction(engine) as db:
        # codes that an office program would gladly take for numbers
        await db.raw.execute(
            "UPDATE student SET code = '00' || substr(code, 3) WHERE code LIKE 'HS%'"
        )
        await db.raw.execute("UPDATE student SET full_name = 'Đặng Thị Ngọc Quỳnh – Ưu «Ỷ»'")
        await db.raw.execute(
            "UPDATE bank_account SET number = '00' || number WHERE school_id = $1", world.school_id
        )
    files = {}
    for name in HEADERS_OF:
        made = await export(engine, world, name)
        assert made is not None
        files[name] = made
    tables = opened(soffice, tmp_path, files)

    for name, headers in HEADERS_OF.items():
        head, *rows = tables[name]
        written = sheet_of(files[name].content)[1:]
        assert head == headers, name
        assert len(rows) == len(written) > 0
        records = [dict(zip(headers, row, strict=True)) for row in rows]
        assert sum(vnd(one["Số tiền"]) for one in records) == files[name].total_vnd
        days = [header for header in headers if header.startswith("Ngày")]
        for one, row in zip(records, written, strict=True):
            expected = dict(zip(headers, row, strict=True))
            for header in headers:
                if header in days:
                    assert day(one[header]) == expected[header], (name, header)
                elif isinstance(expected[header], str):  # text is text: nothing lost in front
                    assert one[header] == expected[header], (name, header)
                else:
                    assert vnd(one[header]) == expected[header], (name, header)
        numbers = [header for header in headers if header.startswith("Số chứng từ")]
        assert len({one[numbers[0]] for one in records}) == files[name].voucher_count

    receipts = [dict(zip(MISA_HEADERS, row, strict=True)) for row in tables["misa-receipts"][1:]]
    assert len(MISA_HEADERS) == 28
    assert receipts[0]["Mã đối tượng"] == "0000000"
    assert {one["Nộp vào TK"] for one in receipts} == {f"00{world.bank_number}"}
    assert receipts[0]["Tên đối tượng"] == "Đặng Thị Ngọc Quỳnh – Ưu «Ỷ»"
    assert {one["TK Nợ (*)"] for one in receipts} == {"112"}
