"""Texts for people, before their language is chosen: the Vietnamese text and the values it names.

`msg("Ngày {day:date} chưa đến.", day=day)` makes one. The Vietnamese text is the message's id; its
English stands in a catalogue that these functions do not know. A field says how its value is printed:
`{amount:vnd}`, `{day:date}`, `{when:moment}`, `{count:number}`, or `{name}` as it is. No text may be put
together from pieces in code, and no value is printed in two ways.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Final, Literal, TypeVar
from zoneinfo import ZoneInfo

from babel import numbers
from babel.dates import format_date, format_datetime

Lang = Literal["vi", "en"]
Field = tuple[str, str]
"""Name and format of a field, such as ("amount", "vnd")."""

_VN: Final = ZoneInfo("Asia/Ho_Chi_Minh")
# both languages group by three; Babel's own formatting takes 40 times as long, and a report has thousands
_GROUP: Final[Mapping[Lang, str]] = {
    "vi": numbers.get_group_symbol("vi"),
    "en": numbers.get_group_symbol("en"),
}
_MONEY: Final = {"vi": "{} đ", "en": "VND {}"}
_DAYS: Final[Mapping[str, Mapping[Lang, str]]] = {
    "date": {"vi": "dd/MM/yyyy", "en": "yyyy-MM-dd"},
    "day_month": {"vi": "dd/MM", "en": "d MMM"},
    "month": {"vi": "MM/yyyy", "en": "yyyy-MM"},
    "short_month": {"vi": "MM/yy", "en": "MMM yy"},
}
_MOMENTS: Final[Mapping[str, Mapping[Lang, str]]] = {
    "moment": {"vi": "HH:mm dd/MM/yyyy", "en": "yyyy-MM-dd HH:mm"},
    "short_moment": {"vi": "HH:mm dd/MM", "en": "HH:mm, d MMM"},
}
_FORMATS: Final = frozenset({"", "vnd", "number", *_DAYS, *_MOMENTS})
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Message:
    """A text in no language yet. `params` may hold other messages, or tuples of them.

    `context` tells apart two meanings of one Vietnamese text. As a string it is Vietnamese.
    """

    id: str
    params: Mapping[str, object] = field(default_factory=dict, hash=False)
    context: str = ""

    def __str__(self) -> str:
        return fill(self.id, self.params, "vi", str)


def msg(vi: str, /, **params: object) -> Message:
    """A text of the catalogue. `vi` must be a literal, or it is not found for translation."""
    return Message(vi, params)


def pmsg(context: str, vi: str, /, **params: object) -> Message:
    """A text whose Vietnamese needs another English in this `context`. Both must be literals."""
    return Message(vi, params, context)


def fill(
    text: str, params: Mapping[str, object], lang: Lang, translate: Callable[[Message], str]
) -> str:
    """`text` with its fields printed in `lang`; messages among the values go through `translate`.

    Raises KeyError for a field without a value, ValueError for an unknown format and TypeError for
    a value that its format cannot print.
    """
    return "".join(
        literal if found is None else literal + _print(params[found[0]], found[1], lang, translate)
        for literal, found in _parts(text)
    )


def fields_of(text: str) -> frozenset[Field]:
    """The fields that a text names. Raises ValueError when a brace or a format is wrong."""
    return frozenset(found for _, found in _parts(text) if found is not None)


def format_vnd(amount_vnd: int, lang: Lang) -> str:
    """Money for people: "1.250.000 đ", in English "VND 1,250,000". Raises TypeError for a float."""
    return _MONEY[lang].format(format_number(amount_vnd, lang))


def format_number(number: int, lang: Lang) -> str:
    """A whole number: "1.250", in English "1,250". Raises TypeError for a float."""
    return f"{_as(int, number):,d}".replace(",", _GROUP[lang])


def format_decimal(number: float, lang: Lang, places: int = 0) -> str:
    """A number with `places` decimals or, where it has more, at most six: "12,5", in English "12.5"."""
    return numbers.format_decimal(number, format=f"0.{'0' * places:#<6}", locale=lang)


def format_share(permille: int, lang: Lang) -> str:
    """Thousandths as per cent with one decimal: 995 is "99,5%", in English "99.5%"."""
    return numbers.format_decimal(permille / 10, format="0.0", locale=lang) + "%"


def format_day(day: date, lang: Lang, how: str = "date") -> str:
    """A business date: "05/09/2026", in English "2026-09-05". Raises TypeError for a datetime.

    `how`: "date", "day_month" ("05/09", "5 Sep"), "month" ("09/2026", "2026-09") or "short_month".
    """
    if isinstance(day, datetime):
        raise TypeError("a business date is a date, not a datetime")
    return format_date(_as(date, day), _DAYS[how][lang], locale=lang)


def format_moment(instant: datetime, lang: Lang, how: str = "moment") -> str:
    """An aware instant in Vietnam's time: "07:05 05/09/2026", in English "2026-09-05 07:05".

    `how`: "moment" or "short_moment", without the year. Raises ValueError when it is naive.
    """
    if _as(datetime, instant).utcoffset() is None:
        raise ValueError("an instant needs its time zone before it can be shown")
    return format_datetime(instant.astimezone(_VN), _MOMENTS[how][lang], locale=lang)


def _print(value: object, how: str, lang: Lang, translate: Callable[[Message], str]) -> str:
    if how == "vnd":
        return format_vnd(_as(int, value), lang)
    if how == "number":
        return format_number(_as(int, value), lang)
    if how in _DAYS:
        return format_day(_as(date, value), lang, how)
    if how in _MOMENTS:
        return format_moment(_as(datetime, value), lang, how)
    if isinstance(value, Message):
        return translate(value)
    if isinstance(value, tuple | list):
        return ", ".join(_print(one, "", lang, translate) for one in value)
    return str(value)


def _as(kind: type[_Value], value: object) -> _Value:
    if not isinstance(value, kind):
        raise TypeError(f"a {kind.__name__} is needed, not a {type(value).__name__}")
    return value


@lru_cache(maxsize=4096)
def _parts(text: str) -> tuple[tuple[str, Field | None], ...]:
    return tuple(_parse(text))


def _parse(text: str) -> Iterator[tuple[str, Field | None]]:
    for literal, name, how, conversion in string.Formatter().parse(text):
        if name is None:
            yield literal, None
            continue
        if not name.isidentifier() or conversion or how not in _FORMATS:
            raise ValueError(f"not a field of a text: {{{name}:{how}}}")
        yield literal, (name, how or "")
