"""The layouts that are known, read from dated data, and those that a school makes for itself.

No provider's settlement file is public (`data/settlements-*.json` says what its words rest on), so a
school may replace a layout by a `SettlementMapping` of the file that it really gets.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from types import MappingProxyType
from typing import Any, Final

from adapters.contract import FileError
from adapters.messages import msg
from adapters.settlements.headers import SettlementColumn as Column
from adapters.settlements.headers import SettlementLayout
from adapters.settlements.lines import Kind
from adapters.tabular.cells import normalise_header

_FILE: Final = "settlements-2026-11.json"
_NEEDED: Final = {*(Column.TRANSACTION, Column.GROSS), *(Column.FEE, Column.NET)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementMapping:
    """Which column is what, by header text as the file shows it (marks, case, breaks do not matter).

    "" means that the file has no such column. kinds: what the file calls each kind of line, beside the
    usual words ({"KH trả": Kind.PAY}); settled: likewise its words for money that is in the settlement.
    """

    provider_transaction_id: str
    gross: str
    fee: str
    net: str
    provider: str = ""
    merchant_reference: str = ""
    original_reference: str = ""
    kind: str = ""
    vat: str = ""
    paid_at: str = ""
    settled_on: str = ""
    batch_id: str = ""
    status: str = ""
    currency: str = ""
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    settled: tuple[str, ...] = ()


def mapped(mapping: SettlementMapping, name: str = "mapped") -> SettlementLayout:
    """Turn a school's mapping into a layout: a header must then match in full.

    Raises:
        FileError: "bad_mapping" when a needed column is not named or one is named twice.
    """
    headers = {
        role: words
        for role in Column
        if role is not Column.COUNT
        for words in (normalise_header(getattr(mapping, role)),)
        if words
    }
    if not headers.keys() >= _NEEDED:
        detail = msg("Cần chỉ ra cột mã giao dịch, số tiền giao dịch, phí và thực nhận")
        raise FileError("bad_mapping", detail)
    if len(set(headers.values())) < len(headers):
        raise FileError("bad_mapping", msg("Một cột được chỉ ra hai lần"))
    known = LAYOUTS["neutral"]
    return SettlementLayout(
        name=name,
        provider=mapping.provider,
        headers={role: (f"={words}",) for role, words in headers.items()},
        required=frozenset(headers),
        kinds={**known.kinds, **{normalise_header(k): Kind(v) for k, v in mapping.kinds.items()}},
        settled=known.settled | {normalise_header(word) for word in mapping.settled},
    )


def _layout(about: Mapping[str, Any], data: Mapping[str, Any]) -> SettlementLayout:
    headers = {**data["common"], **about["headers"]}
    return SettlementLayout(
        name=about["name"],
        provider=about["provider"],
        headers={Column(role): tuple(phrases) for role, phrases in headers.items()},
        required=frozenset(map(Column, about["required"])),
        kinds={word: Kind(kind) for kind, words in data["kinds"].items() for word in words},
        settled=frozenset(data["settled"]),
        beside=tuple(about.get("beside", ())),
    )


def _known() -> dict[str, SettlementLayout]:
    text = resources.files("adapters").joinpath("data", _FILE).read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return {about["name"]: _layout(about, data) for about in data["layouts"]}


LAYOUTS: Final = MappingProxyType(_known())
"""Every known layout by name, in the order in which they are tried: our own neutral one last."""
