"""A receipt as PDF: the same payment gives the same document.

The words come from one template (`receipt.typ`); what is shown was masked before it came here.
"""

from __future__ import annotations

from adapters.messages import Lang, format_day, format_moment
from adapters.ways import name_of
from core.invoices.receipts import PublicReceipt
from core.kit.money import amount_in_words_vi, format_vnd
from core.kit.texts import translate
from gateway.pages.typesetting import set_pdf


def receipt_pdf(receipt: PublicReceipt, lang: Lang) -> bytes:
    """The PDF, about 10 ms once the fonts are loaded. Call it in a thread."""
    return set_pdf("receipt.typ", _data(receipt, lang), lang, at=receipt.paid_at)


def _data(receipt: PublicReceipt, lang: Lang) -> dict[str, object]:
    """Everything the template sets, as text of the page's language."""

    def vnd(amount_vnd: int) -> str:
        return format_vnd(amount_vnd, lang)

    return {
        "school": receipt.school_name,
        "address": receipt.school_address,
        "number": str(receipt.number),
        "amount": vnd(receipt.amount_vnd),
        "amount_in_words": amount_in_words_vi(receipt.amount_vnd),
        "paid_at": format_moment(receipt.paid_at, lang),
        "business_date": format_day(receipt.business_date, lang),
        "channel": translate(name_of(receipt.channel), lang),
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
                        "conceded": vnd(line.conceded_vnd) if line.conceded_vnd else "",
                        "amount": vnd(line.amount_vnd),
                    }
                    for line in part.lines
                ],
            }
            for part in receipt.parts
        ],
    }
