"""Find the texts of this tree, keep their English beside them, and check that none is missing.

    python -m tools.texts extract            print every text: context, Vietnamese, English
    python -m tools.texts check              exit 1 when a text has no English, or stands unmarked
    python -m tools.texts compile            merge the .po files into the .mo that is read at run time
    python -m tools.texts add --room NAME    add "vi<TAB>en" or "context<TAB>vi<TAB>en" lines of stdin
    python -m tools.texts join               make one .po file, hocphi.po, of them all

In Python a text is marked by `msg("…")` or `pmsg("context", "…")`, in templates by `_("…")` or
`pgettext("context", "…")`, in documents (.typ) by `msg("…")`. A template or a script that pages load
may hold no Vietnamese letter outside such a mark.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple, TextIO

from babel.messages.extract import extract as babel_extract
from jinja2 import Environment, TemplateSyntaxError, nodes

from adapters.messages import fields_of
from gateway.pages.typesetting import MARKED
from tools.catalogue import FOLDER, Key, TwoEnglishError, compile_texts, merge, read_texts
from tools.catalogue import write_texts as write_po

ROOT: Final = Path(__file__).parent.parent
WHOLE: Final = "hocphi.po"
PACKAGES: Final = ("adapters", "core", "reconciliation", "gateway", "demo")

_Keywords = dict[str, tuple[int | tuple[int, int] | tuple[int, str], ...] | None]
_PYTHON: Final[_Keywords] = {"msg": None, "pmsg": ((1, "c"), 2)}
_JINJA: Final[_Keywords] = {"_": None, "pgettext": ((1, "c"), 2)}
_MAKERS: Final = Path("adapters", "messages.py")
_VIETNAMESE: Final = re.compile(r"[À-ÃÈ-ÊÌÍÒ-ÕÙÚÝà-ãè-êìíò-õùúýĂăĐđĨĩŨũƠơƯưẠ-ỹ]")
_TYPST_COMMENT: Final = re.compile(r"(?<!:)//[^\n]*")
_SCRIPT_COMMENT: Final = re.compile(r"(?<!:)//[^\n]*|/\*.*?\*/", re.DOTALL)


class Found(NamedTuple):
    """A text where it stands."""

    key: Key
    path: Path
    line: int


class Fault(NamedTuple):
    """Something that the check refuses."""

    path: Path
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


def find_texts(root: Path) -> list[Found]:
    """Every marked text below the packages of `root`, in order of files and lines."""
    found: list[Found] = []
    for path in _files(root):
        match path.suffix:
            case ".py" if path.relative_to(root) != _MAKERS:
                texts = _babel("python", path, _PYTHON)
            case ".html":
                texts = _babel("jinja2.ext:babel_extract", path, _JINJA)
            case ".typ":
                texts = _typst(path.read_text(encoding="utf-8"))
            case _:
                continue
        found += [Found(key, path.relative_to(root), line) for key, line in texts]
    return found


def find_faults(root: Path) -> list[Fault]:
    """Vietnamese outside a mark in templates and scripts, and marked texts that are no literals."""
    faults: list[Fault] = []
    for path in _files(root):
        source = path.read_text(encoding="utf-8")
        match path.suffix:
            case ".py" if path.relative_to(root) != _MAKERS:
                found = _unmarked_python(source)
            case ".html":
                found = _unmarked_template(source)
            case ".typ":
                found = _unmarked_lines(MARKED.sub("", _TYPST_COMMENT.sub("", source)))
            case ".js":
                found = _unmarked_lines(_SCRIPT_COMMENT.sub(_same_lines, source))
            case _:
                continue
        faults += [Fault(path.relative_to(root), line, what) for line, what in found]
    return faults


def check(root: Path) -> list[str]:
    """Everything wrong with the texts and the catalogue, a line each."""
    found = find_texts(root)
    wrong = [str(fault) for fault in find_faults(root)]
    try:
        english = merge((root / FOLDER).glob("*.po"))
    except TwoEnglishError as error:
        return [*wrong, str(error)]
    known: set[Key] = set()
    for text in found:
        if text.key in known:
            continue
        known.add(text.key)
        place = f"{text.path}:{text.line}"
        if not english.get(text.key):
            wrong.append(f"{place}: no English for {_shown(text.key)}")
        else:
            wrong += [f"{place}: {what}" for what in _wrong_fields(text.key, english[text.key])]
    wrong += [f"not in use any more: {_shown(key)}" for key in sorted(english.keys() - known)]
    return wrong


def add(root: Path, room: str, lines: Iterable[str]) -> int:
    """Put lines into the .po file of a room and return how many. Raises ValueError for a bad line.

    Raises TwoEnglishError when a text of any room has another English already.
    """
    folder = root / FOLDER
    everywhere = merge(folder.glob("*.po"))
    po = folder / f"{room}.po"
    texts = read_texts(po) if po.exists() else {}
    added = 0
    for line in filter(str.strip, lines):
        context, vi, english = _read_line(line)
        key = Key(context, vi)
        if everywhere.setdefault(key, english) != english:
            raise TwoEnglishError(f"{_shown(key)} is {everywhere[key]!r} already, not {english!r}")
        texts[key] = english
        added += 1
    write_po(po, texts)
    return added


def join(folder: Path) -> None:
    """Make one .po file of all that stand in a folder. Raises TwoEnglishError."""
    files = sorted(folder.glob("*.po"))
    write_po(folder / WHOLE, merge(files))
    for po in files:
        if po.name != WHOLE:
            po.unlink()


def main(arguments: list[str], stdin: TextIO = sys.stdin, root: Path = ROOT) -> int:
    """Do what the command line says; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.texts")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("extract", "check", "compile", "join"):
        commands.add_parser(name)
    commands.add_parser("add").add_argument("--room", required=True)
    given = parser.parse_args(arguments)
    try:
        match given.command:
            case "extract":
                return _print_texts(root)
            case "check":
                return _print_check(root)
            case "compile":
                compile_texts(root / FOLDER)
            case "join":
                join(root / FOLDER)
            case _:
                print(f"{add(root, given.room, stdin)} texts added to {given.room}.po")
    except ValueError as error:
        print(error)
        return 1
    return 0


def _print_texts(root: Path) -> int:
    english = merge((root / FOLDER).glob("*.po"))
    for key in sorted({text.key for text in find_texts(root)}):
        print("\t".join(map(_escape, (*key, english.get(key, "")))))
    return 0


def _print_check(root: Path) -> int:
    wrong = check(root)
    print(
        "\n".join(wrong)
        or f"{len({text.key for text in find_texts(root)})} texts, all in English too"
    )
    return 1 if wrong else 0


def _files(root: Path) -> list[Path]:
    return sorted(
        path
        for package in PACKAGES
        for path in (root / package).rglob("*")
        if path.suffix in {".py", ".html", ".typ", ".js"}
    )


def _babel(method: str, path: Path, keywords: _Keywords) -> Iterator[tuple[Key, int]]:
    with path.open("rb") as file:
        for line, message, _, context in babel_extract(
            method, file, keywords=keywords, options={"encoding": "utf-8", "silent": "true"}
        ):
            if not isinstance(message, str):
                raise TypeError(f"{path}:{line}: plural forms are not used")
            yield Key(context or "", message), line


def _typst(source: str) -> Iterator[tuple[Key, int]]:
    for mark in MARKED.finditer(_TYPST_COMMENT.sub("", source)):
        yield Key("", json.loads(mark[1])), source.count("\n", 0, mark.start()) + 1


def _unmarked_python(source: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        literals = {"msg": 1, "pmsg": 2}.get(node.func.id, 0)
        given = node.args[:literals]
        if len(given) < literals or not all(
            isinstance(one, ast.Constant) and isinstance(one.value, str) for one in given
        ):
            yield node.lineno, f"{node.func.id}() needs literal texts"


def _unmarked_template(source: str) -> Iterator[tuple[int, str]]:
    try:
        tree = Environment(autoescape=True).parse(source)
    except TemplateSyntaxError as error:
        yield error.lineno, f"not a template: {error.message}"
        return
    marked: set[int] = set()
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in _JINJA:
            literals = [one for one in call.args if _is_text(one)]
            marked.update(map(id, literals))
            if len(literals) != (2 if call.node.name == "pgettext" else 1) or call.args != literals:
                yield call.lineno, f"{call.node.name}() needs literal texts"
    for name in tree.find_all(nodes.Name):
        if name.ctx != "load" and name.name in _JINJA:
            yield name.lineno, f"{name.name} marks texts; the variable needs another name"
    for text in tree.find_all(nodes.TemplateData):
        for number, line in enumerate(text.data.split("\n"), text.lineno):
            if _VIETNAMESE.search(line):
                yield number, f"Vietnamese outside _(…): {line.strip()[:60]}"
    for value in tree.find_all(nodes.Const):
        if id(value) not in marked and _is_text(value) and _VIETNAMESE.search(value.value):
            yield value.lineno, f"Vietnamese outside _(…): {value.value[:60]}"


def _is_text(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Const) and isinstance(node.value, str)


def _unmarked_lines(source: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(source.split("\n"), 1):
        if _VIETNAMESE.search(line):
            yield number, f"Vietnamese outside a mark: {line.strip()[:60]}"


def _same_lines(comment: re.Match[str]) -> str:
    return "\n" * comment[0].count("\n")


def _wrong_fields(key: Key, english: str) -> Iterator[str]:
    try:
        theirs, ours = fields_of(key.vi), fields_of(english)
    except ValueError as error:
        yield f"{error} in {_shown(key)}"
        return
    if {name for name, _ in theirs} != {name for name, _ in ours}:
        yield f"the English of {_shown(key)} names other fields: {english!r}"


def _read_line(line: str) -> tuple[str, str, str]:
    cells = [_unescape(cell.strip()) for cell in line.rstrip("\r\n").split("\t")]
    if len(cells) == 2:
        cells.insert(0, "")
    if len(cells) != 3 or not all(cells[1:]):
        raise ValueError(f"not vi<TAB>en or context<TAB>vi<TAB>en: {line!r}")
    return cells[0], cells[1], cells[2]


def _shown(key: Key) -> str:
    return f"{key.vi!r} (context {key.context!r})" if key.context else repr(key.vi)


def _escape(cell: str) -> str:
    return cell.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


def _unescape(cell: str) -> str:
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]), cell)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
