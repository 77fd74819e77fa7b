"""The check of texts, on a planted tree: what it must find, and what it must leave."""

from __future__ import annotations

import io
import shutil
from gettext import GNUTranslations
from pathlib import Path

import pytest

from tools import texts
from tools.catalogue import COMPILED, FOLDER, Key, TwoEnglishError, merge, read_texts, write_texts

GOOD = {
    "gateway/pages/money.py": 'DUE = msg("Còn {amount:vnd}", amount=1)\nDAY = pmsg("column", "Ngày")\n',
    "gateway/pages/templates/page.html": (
        "{# ghi chú #}<p title=\"{{ _('Đã thu') }}\">"
        '{{ pgettext("one", "Hồ sơ") }} – VND × ÷ {{ 5 }}</p>\n'
    ),
    "gateway/pages/templates/paper.typ": '// ghi chú đầu tệp\n#msg("Số phiếu") #h(1fr) https://x.vn\n',
    "gateway/pages/static/page.js": "// không dịch\nconst a = 1; /* không\n dịch */\n",
}
ENGLISH = {
    Key("", "Còn {amount:vnd}"): "{amount:vnd} is due",
    Key("column", "Ngày"): "Day",
    Key("", "Đã thu"): "Paid",
    Key("one", "Hồ sơ"): "Application",
    Key("", "Số phiếu"): "Number",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in GOOD.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    write_texts(tmp_path / FOLDER / "hocphi.po", ENGLISH)
    return tmp_path


def test_this_tree_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert texts.main(["check"]) == 0, capsys.readouterr().out


def test_a_good_tree_passes(tree: Path) -> None:
    assert texts.check(tree) == []
    assert {found.key for found in texts.find_texts(tree)} == ENGLISH.keys()
    assert texts.main(["check"], root=tree) == 0


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("gateway/a.py", 'X = msg("Chưa dịch")\n', "gateway/a.py:1: no English for 'Chưa dịch'"),
        ("gateway/a.py", 'X = msg("Đã" " thu hết")\n', "no English for 'Đã thu hết'"),
        ("gateway/a.py", 'X = pmsg("many", "Ngày")\n', "no English for 'Ngày' (context 'many')"),
        ("gateway/a.py", '\nX = msg(f"Ngày {day}")\n', "gateway/a.py:2: msg() needs literal texts"),
        ("gateway/a.py", 'X = pmsg(context, "Ngày")\n', "pmsg() needs literal texts"),
        (
            "gateway/a.html",
            "<p>\nĐã thu</p>\n",
            "gateway/a.html:2: Vietnamese outside _(…): Đã thu",
        ),
        ("gateway/a.html", "<p title='Đã thu'></p>", "Vietnamese outside"),
        ("gateway/a.html", '{{ badge("Đã thu") }}', "Vietnamese outside"),
        ("gateway/a.html", '{{ _("Đã " ~ what) }}', "_() needs literal texts"),
        ("gateway/a.html", "{{ _(what) }}", "_() needs literal texts"),
        ("gateway/a.html", "{% if %}", "not a template"),
        ("gateway/a.html", "{% set kind, _ = pair %}", "_ marks texts"),
        ("gateway/a.html", '{{ _("Chưa dịch") }}', "no English for 'Chưa dịch'"),
        ("gateway/a.typ", "#text[Đã thu]", "gateway/a.typ:1: Vietnamese outside a mark"),
        ("gateway/a.typ", '#msg("Chưa dịch")', "no English for 'Chưa dịch'"),
        ("gateway/a.js", 'alert("Đã thu")', "gateway/a.js:1: Vietnamese outside a mark"),
    ],
)
def test_what_is_planted_is_found(
    tree: Path, path: str, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tree / path).write_text(text, encoding="utf-8")
    assert texts.main(["check"], root=tree) == 1
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("key", "english", "said"),
    [
        (Key("", "Không còn dùng"), "Gone", "not in use any more: 'Không còn dùng'"),
        (Key("", "Đã thu"), "", "no English for 'Đã thu'"),
        (Key("", "Còn {amount:vnd}"), "{sum:vnd} is due", "names other fields"),
        (Key("", "Còn {amount:vnd}"), "{amount:money} is due", "not a field of a text"),
    ],
)
def test_a_wrong_catalogue_is_found(tree: Path, key: Key, english: str, said: str) -> None:
    write_texts(tree / FOLDER / "hocphi.po", {**ENGLISH, key: english})
    assert any(said in line for line in texts.check(tree))


def test_two_files_may_not_disagree(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_texts(tree / FOLDER / "other.po", {Key("", "Đã thu"): "Collected"})
    assert texts.main(["check"], root=tree) == 1
    assert "'Collected'" in capsys.readouterr().out
    assert texts.main(["compile"], root=tree) == 1


def test_adding_is_sorted_and_repeatable(tree: Path) -> None:
    lines = 'Ngày\tDay\ncolumn\tNgày\tDay\n\nAn toàn\tSafe\nHai\\ndòng\tTwo "lines"\\nhere\n'
    for _ in range(2):
        assert texts.main(["add", "--room", "books"], io.StringIO(lines), tree) == 0
        po = tree / FOLDER / "books.po"
        written = po.read_text(encoding="utf-8")
        assert [key.vi for key in read_texts(po)] == ["An toàn", "Hai\ndòng", "Ngày", "Ngày"]
        assert read_texts(po)[Key("", "Hai\ndòng")] == 'Two "lines"\nhere'
    texts.main(["add", "--room", "books"], io.StringIO(lines), tree)
    assert po.read_text(encoding="utf-8") == written


@pytest.mark.parametrize("line", ["Ngày\n", "Ngày\t\n", "\tDay\n", "a\tb\tc\td\n"])
def test_a_line_without_both_is_refused(tree: Path, line: str) -> None:
    assert texts.main(["add", "--room", "books"], io.StringIO(line), tree) == 1


def test_adding_another_english_is_refused(tree: Path) -> None:
    with pytest.raises(TwoEnglishError):
        texts.add(tree, "books", ["Đã thu\tCollected"])


def test_compiling_merges_and_is_the_same_every_time(tree: Path) -> None:
    write_texts(tree / FOLDER / "other.po", {Key("", "Lớp"): "Class", Key("", "Tệp"): ""})
    assert texts.main(["compile"], root=tree) == 0
    compiled = tree / FOLDER / COMPILED
    first = compiled.read_bytes()
    with compiled.open("rb") as file:
        found = GNUTranslations(file)
    assert found.gettext("Lớp") == "Class"
    assert found.gettext("Tệp") == "Tệp"
    assert found.pgettext("one", "Hồ sơ") == "Application"
    assert texts.main(["compile"], root=tree) == 0
    assert compiled.read_bytes() == first
    assert {path.name for path in compiled.parent.iterdir()} == {"hocphi.po", "other.po", COMPILED}


def test_joining_leaves_one_file_with_all_texts(tree: Path) -> None:
    write_texts(tree / FOLDER / "other.po", {Key("", "Lớp"): "Class"})
    assert texts.main(["join"], root=tree) == 0
    (po,) = (tree / FOLDER).glob("*.po")
    assert po.name == "hocphi.po"
    assert read_texts(po) == {**ENGLISH, Key("", "Lớp"): "Class"}


def test_the_files_here_are_as_the_tool_writes_them(tmp_path: Path) -> None:
    for po in (texts.ROOT / FOLDER).glob("*.po"):
        copy = shutil.copy(po, tmp_path / po.name)
        write_texts(copy, read_texts(po))
        assert copy.read_bytes() == po.read_bytes(), po.name


def test_every_text_is_listed(capsys: pytest.CaptureFixture[str], tree: Path) -> None:
    assert texts.main(["extract"], root=tree) == 0
    assert "one\tHồ sơ\tApplication" in capsys.readouterr().out
    assert merge((tree / FOLDER).glob("*.po")) == ENGLISH
