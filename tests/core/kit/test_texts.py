"""Texts in both languages, from the catalogue that was compiled."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import core.kit.texts
from adapters.messages import msg
from core.kit.texts import en_of, vi_of


def test_a_process_without_the_catalogue_says_so(tmp_path: Path) -> None:
    here = Path(core.kit.texts.__file__).parents[2]
    for package in ("core", "adapters"):
        shutil.copytree(
            here / package, tmp_path / package, ignore=shutil.ignore_patterns("*.mo", "__pycache__")
        )
    ask = "from core.kit.texts import *; print(translate(msg('Ngày'), 'en'))"
    ran = subprocess.run(
        [sys.executable, "-c", ask], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert "The English texts are not compiled. Run: python -m tools.texts compile" in ran.stderr
    assert "Ngày" not in ran.stdout


def test_a_text_without_english_stays_vietnamese() -> None:
    text = msg("Không có trong từ điển: {day:date}", day=date(2026, 9, 5))
    assert vi_of(text) == "Không có trong từ điển: 05/09/2026"
    assert en_of(text) == "Không có trong từ điển: 2026-09-05"
