"""docs/accounting.md lists the formats that there are, with their columns and numbers."""

from __future__ import annotations

import re

from support.paths import REPOSITORY

from core.accounting.charts import charts
from core.accounting.export import FORMATS
from core.accounting.misa import GENERAL_HEADERS, RECEIPT_HEADERS
from core.accounting.vouchers import number_of

PAGE = (REPOSITORY / "docs" / "accounting.md").read_text(encoding="utf-8")


def test_the_table_of_formats_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| (.+?) \| (.+?) \|", PAGE, re.MULTILINE)
    assert {name: number for name, _, number in rows} == {
        one.name: number_of(one.prefix, 1, 2026) for one in FORMATS.values()
    }
    columns = {name: re.search(r"(\d+) columns", file) for name, file, _ in rows}
    assert {name: int(found[1]) for name, found in columns.items() if found} == {
        "misa-receipts": len(RECEIPT_HEADERS),
        "misa-general": len(GENERAL_HEADERS),
    }
    assert all(FORMATS[name].extension.upper() in file for name, file, _ in rows)


def test_every_circular_is_named() -> None:
    for chart in charts():
        assert chart.regime.replace("TT", "TT ") in PAGE
