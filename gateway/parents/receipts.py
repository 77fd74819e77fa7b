"""`/receipts/{token}`: what a payer gets to keep, as a page and as PDF, and the provider's own e-receipt.

Ours confirms that the school received this money; it is no e-invoice and states that. The token is the
payment's own; a payment that settles nothing (yet) has no receipt.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from adapters.ways import name_of
from core.invoices.receipts import PublicReceipt, receipt_by_token
from core.kit.database import transaction
from core.kit.money import amount_in_words_vi
from core.portal.errors import ReceiptNotFoundError
from core.portal.receipts import PDF, receipt_of_token
from gateway.context import AppContext
from gateway.pages.rendering import lang_of, page, strict_headers
from gateway.parents.errors import ConfirmationNotFoundError
from gateway.parents.receipt_pdf import receipt_pdf

_TOKEN: Final = re.compile(r"[0-9A-Za-z]{16,64}")
_ADDRESS: Final = re.compile(r"([0-9A-Za-z]{16,64})(\.pdf)?")


@get("/receipts/{name:str}", operation_id="show_receipt", include_in_schema=False)
async def show_receipt(
    request: Request[Any, Any, Any], context: NamedDependency[AppContext], name: FromPath[str]
) -> Response[Any]:
    """The receipt of a payment: `{token}` is the page, `{token}.pdf` the document."""
    address = _ADDRESS.fullmatch(name)
    receipt = await _receipt(context, address[1]) if address else None
    if address is None or receipt is None:
        raise ConfirmationNotFoundError
    if address[2] is None:
        return page(
            request,
            "receipt.html",
            receipt=receipt,
            channel=name_of(receipt.channel),
            amount_in_words=amount_in_words_vi(receipt.amount_vnd),
        )
    document = await asyncio.to_thread(receipt_pdf, receipt, lang_of(request))
    return Response(
        document,
        media_type="application/pdf",
        headers={
            **strict_headers(),
            "content-disposition": f'inline; filename="xac-nhan-{receipt.number}.pdf"',
        },
    )


@get(
    "/receipts/{token:str}/official.pdf",
    operation_id="download_official_receipt",
    include_in_schema=False,
)
async def download_official_receipt(
    context: NamedDependency[AppContext], token: FromPath[str]
) -> Response[bytes]:
    """The e-receipt that the provider issued, as it came: a download, for it is no document of ours."""
    found = None
    if _TOKEN.fullmatch(token):
        async with transaction(context.engine) as db:
            found = await receipt_of_token(db, token)
    if found is None:
        raise ReceiptNotFoundError
    return Response(
        found.content,
        media_type=PDF,
        headers={
            **strict_headers(),
            "content-disposition": f'attachment; filename="bien-lai-{found.payment_id}.pdf"',
        },
    )


async def _receipt(context: AppContext, token: str) -> PublicReceipt | None:
    async with transaction(context.engine) as db:
        return await receipt_by_token(db, token)
