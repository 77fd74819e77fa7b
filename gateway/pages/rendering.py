"""How every page is made: one template engine, one set of strict headers, two languages, static files.

`page(request, "pay.html", …)` is the one way to answer with HTML. A template marks its texts by
`_("tiếng Việt")`; the language comes from `?lang=en` alone, no cookie is set. Pages must never load anything
from elsewhere, run inline script or style, or be kept by a cache; static files carry their content's
hash in the address and are kept for a year.
"""

from __future__ import annotations

import functools
import hashlib
import mimetypes
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import MediaType, Request, Response, get
from litestar.params import FromPath

from adapters.messages import (
    Lang,
    Message,
    format_day,
    format_decimal,
    format_moment,
    format_number,
    format_share,
    format_vnd,
    msg,
)
from core.kit.errors import NotFoundError
from core.kit.texts import translate

STATIC: Final = "/static"
KEEP_FOREVER: Final = "public, max-age=31536000, immutable"
_HEADERS: Final = {
    "cache-control": "private, no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex, nofollow, noarchive",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class Bilingual(Protocol):
    """What has a text in both languages, such as a refusal."""

    @property
    def vi(self) -> str:
        """In Vietnamese."""
        ...

    @property
    def en(self) -> str:
        """In English."""
        ...


@dataclass(frozen=True, slots=True)
class Language:
    """A language that a page can be had in, by its own name."""

    code: Lang
    name: str


_LANGUAGES: Final[Mapping[Lang, Language]] = {
    "vi": Language("vi", "Tiếng Việt"),
    "en": Language("en", "English"),
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file in memory. `url` changes with its content."""

    url: str
    media_type: str
    content: bytes


def lang_of(request: Request[Any, Any, Any]) -> Lang:
    """The page's language: English where `?lang=en` asks for it, else Vietnamese."""
    return "en" if request.query_params.get("lang") == "en" else "vi"


def in_lang(url: str, lang: Lang) -> str:
    """An address of ours that keeps the page's language: `?lang=en` is added, Vietnamese needs none."""
    if lang == "vi":
        return url
    return f"{url}{'&' if '?' in url else '?'}lang=en"


def strict_headers(form_origins: Iterable[str] = ()) -> dict[str, str]:
    """The headers of every page. Forms may go to us and `form_origins` ("https://host") only.

    Browsers hold a redirect after a form to `form-action` too, hence the providers' origins.
    """
    policy = {
        "default-src": "'none'",
        "base-uri": "'none'",
        "connect-src": "'self'",
        "font-src": "'self'",
        "form-action": " ".join(["'self'", *form_origins]),
        "frame-ancestors": "'none'",
        "img-src": "'self' data:",
        "script-src": "'self'",
        "style-src": "'self'",
    }
    directives = "; ".join(f"{name} {value}" for name, value in policy.items())
    return {**_HEADERS, "content-security-policy": directives}


def page(
    request: Request[Any, Any, Any],
    template: str,
    *,
    status_code: int = 200,
    form_origins: Iterable[str] = (),
    headers: Mapping[str, str] | None = None,
    **context: object,
) -> Response[str]:
    """A whole page from `templates/{template}`, in the request's language, under strict headers.

    Templates get `context` and what `render` lends them; and `switch_url`, this page in the other
    language.
    """
    return Response(
        render(template, lang_of(request), switch_url=_switch_url(request), **context),
        status_code=status_code,
        media_type=MediaType.HTML,
        headers={**strict_headers(form_origins), **(headers or {})},
    )


def render(template: str, lang: Lang, **context: object) -> str:
    """A template as text, in one language. Raises jinja2.UndefinedError, and TypeError when
    a name of `context` would hide one of these.

    Templates get `context` and: `lang`, and `other`, the language to switch to; `_("Còn {amount:vnd}",
    amount=…)` and `pgettext("context", "…")`, which translate a literal text; `text_of(value)` for a
    message or a refusal made elsewhere; `url(path)`, which keeps the language; `asset(name)`; `vnd`,
    `number`, `decimal` and `share`, which print a number; the filters `day`,
    `day_month`, `month` and `moment`.
    """
    engine = _engine(lang)
    if hidden := engine.globals.keys() & context.keys():
        raise TypeError(f"{template} would lose {', '.join(sorted(hidden))}")
    return engine.get_template(template).render(context)


def text_of(value: Message | Bilingual | str | int | None, lang: Lang) -> str:
    """A message, a refusal or plain text for a reader of `lang`; "" for None."""
    if isinstance(value, Message):
        return translate(value, lang)
    if value is None or isinstance(value, str | int):
        return "" if value is None else str(value)
    return value.en if lang == "en" else value.vi


def asset_url(name: str) -> str:
    """The address of a static file, e.g. `asset("site.css")`. Raises KeyError for an unknown one."""
    return assets()[name].url


@functools.cache
def assets() -> dict[str, Asset]:
    """Every file below `static/`, by its path there; read once per process."""
    return {name: _asset(name, file.read_bytes()) for name, file in _files(_static_folder(), "")}


class StaticFileNotFoundError(NotFoundError):
    """No static file has this address."""

    text = msg("Không tìm thấy tệp này.")


@get(
    STATIC + "/{fingerprint:str}/{name:path}",
    operation_id="static_file",
    include_in_schema=False,
)
async def static_file(fingerprint: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """A static file; the address must carry the hash of what it holds."""
    found = assets().get(name.strip("/"))
    if found is None or f"{STATIC}/{fingerprint}/" not in found.url:
        raise StaticFileNotFoundError
    return Response(
        found.content,
        media_type=found.media_type,
        headers={"cache-control": KEEP_FOREVER, "x-content-type-options": "nosniff"},
    )


def _switch_url(request: Request[Any, Any, Any]) -> str:
    """This address in the other language, with the rest of its query as it stands."""
    query = request.scope["query_string"].decode("latin-1")
    kept = [(k, v) for k, v in parse_qsl(query, keep_blank_values=True) if k != "lang"]
    if lang_of(request) == "vi":
        kept.append(("lang", "en"))
    path = request.url.path
    return f"{path}?{urlencode(kept)}" if kept else path


def _asset(name: str, content: bytes) -> Asset:
    fingerprint = hashlib.sha256(content).hexdigest()[:16]
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    charset = "; charset=utf-8" if media_type.startswith("text/") else ""
    return Asset(f"{STATIC}/{fingerprint}/{name}", media_type + charset, content)


def _static_folder() -> Traversable:
    return resources.files("gateway.pages").joinpath("static")


def _files(folder: Traversable, prefix: str) -> Iterable[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _files(entry, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, entry


@functools.cache
def _engine(lang: Lang) -> Environment:
    engine = Environment(
        loader=PackageLoader("gateway.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def _(vi: str, **params: object) -> str:
        return translate(Message(vi, params), lang)

    def pgettext(context: str, vi: str, **params: object) -> str:
        return translate(Message(vi, params, context), lang)

    engine.globals.update(
        _=_,
        pgettext=pgettext,
        lang=lang,
        other=_LANGUAGES["vi" if lang == "en" else "en"],
        asset=asset_url,
        url=functools.partial(in_lang, lang=lang),
        text_of=functools.partial(text_of, lang=lang),
        vnd=functools.partial(format_vnd, lang=lang),
        number=functools.partial(format_number, lang=lang),
        decimal=functools.partial(_decimal, lang),
        share=functools.partial(format_share, lang=lang),
    )
    engine.filters.update(
        day=functools.partial(format_day, lang=lang),
        day_month=functools.partial(format_day, lang=lang, how="day_month"),
        month=functools.partial(format_day, lang=lang, how="month"),
        moment=functools.partial(format_moment, lang=lang),
    )
    return engine


def _decimal(lang: Lang, number: float, places: int = 0) -> str:
    return format_decimal(number, lang, places)
