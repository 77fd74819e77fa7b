"""A receipt as PDF, set by Typst with the fonts it carries: no network, no font files, no clock.

The same payment gives the same document. The words come from one template (`receipt.typ`); what is
shown was masked before it came here.
"""

from __future__ import annotations

import functools
import json
import threading
from importlib import resources

import typst

from adapters.ways import words_of
from gateway.invoices.queries import PublicReceipt
from gateway.kit.money import amount_in_words_vi, format_vnd
from gateway.pages.rendering import Lang, day_text, moment_text

_ONE_AT_A_TIME = threading.Lock()


def receipt_pdf(receipt: PublicReceipt, lang: Lang) -> bytes:
    """The PDF, about 10 ms once the fonts are loaded. Call it in a thread."""
    # JSON inside a string: both languages escape quote and backslash alike, and the inner text is ASCII
    said = json.dumps(json.dumps(_words(receipt, lang)))
    source = f"#let said = json(bytes({said}))\n{_template()}"
    with _ONE_AT_A_TIME:
        document = _compiler().compile(
            input=source.encode(), format="pdf", timestamp=int(receipt.paid_at.timestamp())
        )
    if not isinstance(document, bytes):
        raise TypeError("a receipt is one document")
    return document


def _words(receipt: PublicReceipt, lang: Lang) -> dict[str, object]:
    """Everything the template sets, as text of the page's language."""

    def vnd(amount_vnd: int) -> str:
        return format_vnd(amount_vnd, lang)

    return {
        "lang": lang,
        "school": receipt.school_name,
        "address": receipt.school_address,
        "number": str(receipt.number),
        "amount": vnd(receipt.amount_vnd),
        "amount_in_words": amount_in_words_vi(receipt.amount_vnd),
        "paid_at": moment_text(receipt.paid_at),
        "business_date": day_text(receipt.business_date),
        "channel": words_of(receipt.channel)[lang == "en"],
        "bank_transaction_id": receipt.bank_transaction_id,
        "refunded": vnd(receipt.refunded_vnd) if receipt.refunded_vnd else "",
        "other": vnd(receipt.other_vnd) if receipt.other_vnd > 0 else "",
        "parts": [
            {
                "reference": part.reference,
                "title": part.title,
                "pupil": part.pupil,
                "class_name": part.class_name,
                "total": vnd(part.total_vnd),
                "settled": vnd(part.amount_vnd),
                "lines": [
                    {
                        "description": line.description,
                        "quantity": f"{line.quantity} {line.unit}".strip(),
                        "price": vnd(line.unit_price_vnd),
                        "amount": vnd(line.amount_vnd),
                    }
                    for line in part.lines
                ],
            }
            for part in receipt.parts
        ],
    }


@functools.cache
def _compiler() -> typst.Compiler:
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=True)
    return typst.Compiler(font_paths=fonts, ignore_system_fonts=True)


@functools.cache
def _template() -> str:
    templates = resources.files("gateway.pages").joinpath("templates")
    return templates.joinpath("receipt.typ").read_text(encoding="utf-8")
