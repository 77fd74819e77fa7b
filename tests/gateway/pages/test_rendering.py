"""Pages and documents in both languages: the same template, the words of one language, no other's."""

from __future__ import annotations

import re
import zlib
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment, PackageLoader
from litestar import Litestar, get
from litestar.testing import TestClient

from adapters.messages import Lang, msg
from core.kit.errors import InvalidError
from gateway.pages import rendering
from gateway.pages.rendering import page, render, text_of
from gateway.pages.typesetting import set_pdf

LANGS: list[Lang] = ["vi", "en"]
SAMPLE = """
{{ lang }}|{{ other.code }}|{{ other.name }}|{{ _("Quá nhiều yêu cầu") }}|{{ pgettext("one", "Hồ sơ") }}
|{{ _("Còn {days} ngày", days=3) }}|{{ vnd(1250000) }}|{{ number(12000) }}|{{ decimal(1.5, 2) }}
|{{ decimal(12.5) }}|{{ share(995) }}|{{ day|day }}|{{ at|moment }}|{{ text_of(note) }}|{{ text_of(why) }}
|{{ text_of(none) }}|{{ _("{channel} chưa có trong từ điển", channel="<b>") }}|{{ url("/pay/x?a=1") }}
"""


@pytest.fixture(autouse=True)
def sample(monkeypatch: pytest.MonkeyPatch) -> None:
    both = {"sample.html": SAMPLE.replace("\n", "")}
    for lang in LANGS:
        engine: Environment = rendering._engine(lang)
        assert isinstance(engine.loader, PackageLoader)
        monkeypatch.setattr(engine, "loader", DictLoader(both))
        monkeypatch.setattr(engine, "cache", {})


class TwoLanguageError(InvalidError):
    """A refusal that brings both languages along."""

    code = "x"

    def __init__(self, vi: str, en: str) -> None:
        super().__init__(vi)
        self._both = (vi, en)

    @property
    def vi(self) -> str:
        return self._both[0]

    @property
    def en(self) -> str:
        return self._both[1]


def rendered(lang: Lang) -> list[str]:
    why = TwoLanguageError("Vì <thế>", "For <that>")
    return render(
        "sample.html",
        lang,
        day=date(2026, 9, 5),
        at=datetime(2026, 9, 5, 0, 5, tzinfo=UTC),
        note=msg("Quá nhiều yêu cầu"),
        why=why,
        none=None,
    ).split("|")


def test_a_template_in_vietnamese() -> None:
    assert rendered("vi") == [
        *(
            "vi",
            "en",
            "English",
            "Quá nhiều yêu cầu",
            "Hồ sơ",
            "Còn 3 ngày",
            "1.250.000 đ",
            "12.000",
        ),
        *("1,50", "12,5", "99,5%", "05/09/2026", "07:05 05/09/2026", "Quá nhiều yêu cầu"),
        *("Vì &lt;thế&gt;", "", "&lt;b&gt; chưa có trong từ điển", "/pay/x?a=1"),
    ]


def test_a_template_in_english() -> None:
    assert rendered("en") == [
        *("en", "vi", "Tiếng Việt", "Too many requests", "Application", "3 days left"),
        *("VND 1,250,000", "12,000", "1.50", "12.5", "99.5%", "2026-09-05", "2026-09-05 07:05"),
        *("Too many requests", "For &lt;that&gt;", "", "&lt;b&gt; chưa có trong từ điển"),
        "/pay/x?a=1&amp;lang=en",
    ]


@pytest.mark.parametrize("lang", LANGS)
def test_plain_values_are_shown_as_they_are(lang: Lang) -> None:
    assert [text_of(value, lang) for value in ("HP1", 5, None)] == ["HP1", "5", ""]


def test_a_page_is_in_the_language_that_its_address_asks_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()

    @get("/wrong")
    async def wrong(request: rendering.Request[object, object, object]) -> rendering.Response[str]:
        return page(
            request,
            "error.html",
            status=429,
            title=msg("Quá nhiều yêu cầu"),
            advice=TwoLanguageError("Hãy đợi.", "Please wait."),
        )

    with TestClient(Litestar([wrong])) as client:
        vi, en = (client.get(f"/wrong{query}").text for query in ("", "?lang=en"))
    assert '<html lang="vi">' in vi
    assert "<h1>Quá nhiều yêu cầu</h1>" in vi
    assert "<p>Hãy đợi.</p>" in vi
    assert re.search(r'href="/wrong\?lang=en" lang="en" hreflang="en"[^>]*>English<', vi)
    assert '<html lang="en">' in en
    assert "<h1>Too many requests</h1>" in en
    assert "<p>Please wait.</p>" in en
    assert re.search(r'href="/wrong" lang="vi" hreflang="vi"[^>]*>Tiếng Việt<', en)
    assert not re.search("[ăđơưạ-ỹ]", en.replace("Tiếng Việt", ""))


def test_a_document_takes_its_texts_from_the_catalogue(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = '#set document(title: msg("Tệp quá lớn") + " " + data.number + lang)\nx'
    monkeypatch.setattr("gateway.pages.typesetting._template", lambda _: source)
    at = datetime(2026, 9, 5, tzinfo=UTC)
    titles = [title_of(set_pdf("x.typ", {"number": '"7\\'}, lang, at=at)) for lang in LANGS]
    assert titles == ['Tệp quá lớn "7\\vi', 'The file is too large "7\\en']


def title_of(pdf: bytes) -> str:
    """The document's title, from its XMP metadata."""
    streams = [
        raw if not is_packed else zlib.decompress(raw)
        for is_packed, raw in (
            (b"/FlateDecode" in head, body)
            for head, body in re.findall(
                rb"<<(.*?)>>\s*stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL
            )
        )
    ]
    found = re.search(rb"<rdf:li xml:lang=\"x-default\">(.*?)</rdf:li>", b"".join(streams))
    assert found, "no title"
    return found[1].decode().replace("&quot;", '"')
