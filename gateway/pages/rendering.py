"""How every page is made: one template engine, one set of strict headers, two languages, static files.

`page(request, "pay.html", …)` is the one way to answer with HTML. Templates speak both languages by
`t("tiếng Việt", "English")`; the language comes from `?lang=en` alone, no cookie is set. Pages must
never load anything from elsewhere, run inline script or style, or be kept by a cache; static files
carry their content's hash in the address and are kept for a year.
"""

from __future__ import annotations

import functools
import hashlib
import mimetypes
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import MediaType, Request, Response, get
from litestar.params import FromPath

from core.kit.clock import VN
from core.kit.errors import not_found
from core.kit.money import format_vnd

Lang = Literal["vi", "en"]

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

    Templates get `context` and: `lang`; `t(vi, en)`; `url(path)`, which keeps the language;
    `switch_url`, this page in the other language; `asset(name)`; the filters `vnd` (with the page's
    money format), `day` (dd/mm/yyyy) and `moment` (HH:MM dd/mm/yyyy, Vietnam's time).
    """
    return Response(
        render(template, lang_of(request), switch_url=_switch_url(request), **context),
        status_code=status_code,
        media_type=MediaType.HTML,
        headers={**strict_headers(form_origins), **(headers or {})},
    )


def render(template: str, lang: Lang, **context: object) -> str:
    """A template as text; see `page` for what it may use. Raises jinja2.UndefinedError."""
    words: dict[str, object] = {
        "lang": lang,
        "t": functools.partial(_choose, lang),
        "url": functools.partial(in_lang, lang=lang),
        "vnd": functools.partial(format_vnd, locale=lang),
        "asset": asset_url,
    }
    return _engine().get_template(template).render({**words, **context})


def day_text(day: date) -> str:
    """A business date as Vietnam writes it: "05/09/2026"."""
    return f"{day:%d/%m/%Y}"


def moment_text(instant: datetime) -> str:
    """An aware instant in Vietnam's time: "07:05 05/09/2026"."""
    return f"{instant.astimezone(VN):%H:%M %d/%m/%Y}"


def asset_url(name: str) -> str:
    """The address of a static file, e.g. `asset("site.css")`. Raises KeyError for an unknown one."""
    return assets()[name].url


@functools.cache
def assets() -> dict[str, Asset]:
    """Every file below `static/`, by its path there; read once per process."""
    return {name: _asset(name, file.read_bytes()) for name, file in _files(_static_folder(), "")}


@get(
    STATIC + "/{fingerprint:str}/{name:path}",
    operation_id="static_file",
    include_in_schema=False,
)
async def static_file(fingerprint: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """A static file; the address must carry the hash of what it holds."""
    found = assets().get(name.strip("/"))
    if found is None or f"{STATIC}/{fingerprint}/" not in found.url:
        raise not_found("tệp này", "file")
    return Response(
        found.content,
        media_type=found.media_type,
        headers={"cache-control": KEEP_FOREVER, "x-content-type-options": "nosniff"},
    )


def _choose(lang: Lang, vi: str, en: str) -> str:
    return en if lang == "en" else vi


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
def _engine() -> Environment:
    engine = Environment(
        loader=PackageLoader("gateway.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., str]] = {"day": day_text, "moment": moment_text}
    engine.filters.update(filters)
    return engine
