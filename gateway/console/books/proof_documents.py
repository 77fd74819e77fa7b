"""The proof of a day as a document: a PDF to sign and an XLSX to check, made of the body of a close record.

The same record gives the same bytes. A day that is proved and not closed is marked so. They name
accounts, files and sums, never a pupil or a payer. Amounts in VND, words in Vietnamese.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final

from adapters.messages import format_day, format_moment
from core.kit.clock import VN
from core.kit.money import format_vnd
from core.kit.sheets import Cell, write_sheet
from gateway.console.frame.labels import label
from gateway.pages.typesetting import set_pdf
from reconciliation.closing.records import DayClose

TITLE: Final = "BIÊN BẢN ĐỐI SOÁT VÀ CHỐT SỔ"
DRAFT: Final = "CHƯA CHỐT"
HEADERS: Final = ("Phần", "Nội dung", "Ngày", "Số lượng", "Số tiền (đồng)", "Ghi chú")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofRow:
    """One line of the document; what it does not state is None."""

    label: str
    day: date | None = None
    count: int | None = None
    amount_vnd: int | None = None
    note: str = ""
    is_sum: bool = False


@dataclass(frozen=True, slots=True)
class ProofSection:
    """Lines under one heading."""

    title: str
    rows: tuple[ProofRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofDocument:
    """All that either file shows. `facts`: (what, value); `at`: the instant that the file is dated."""

    school: str
    day: date
    is_closed: bool
    name: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[ProofSection, ...]
    at: datetime


def document_of(record: DayClose) -> ProofDocument:
    """The document of a closed day."""
    body = record.body
    return _document(
        body,
        name=f"hocphi-chot-so-{record.day}-so-{record.number}",
        is_closed=True,
        facts=(
            ("Biên bản số", str(record.number)),
            ("Người chốt", record.actor),
            ("Thời điểm chốt", format_moment(record.made_at, "vi")),
            ("Mã biên bản (SHA-256)", record.hash.hex()),
            ("Mã kết quả đối soát", body["result_hash"]),
            ("Nhật ký hệ thống đến mã", body["audit_head"]),
        ),
        at=record.made_at,
    )


def draft_document(body: Mapping[str, Any]) -> ProofDocument:
    """The document of a day that is proved and not closed (`reconciliation.closing.service.draft_of`)."""
    day = date.fromisoformat(body["date"])
    return _document(
        body,
        name=f"hocphi-doi-soat-{day}-chua-chot",
        is_closed=False,
        facts=(("Tình trạng", DRAFT), ("Mã kết quả đối soát", body["result_hash"])),
        at=datetime.combine(day, time.min, VN).astimezone(UTC),
    )


def _document(
    body: Mapping[str, Any],
    *,
    name: str,
    is_closed: bool,
    facts: tuple[tuple[str, str], ...],
    at: datetime,
) -> ProofDocument:
    since = body["since"]
    return ProofDocument(
        school=body["school"]["name"],
        day=date.fromisoformat(body["date"]),
        is_closed=is_closed,
        name=name,
        facts=(
            *facts,
            ("Lần chốt trước", format_day(date.fromisoformat(since), "vi") if since else "chưa có"),
        ),
        sections=tuple(_sections(body)),
        at=at,
    )


def _sections(body: Mapping[str, Any]) -> Iterator[ProofSection]:
    quiet = [proof for proof in body["proofs"] if _is_quiet(proof)]
    for proof in body["proofs"]:
        if proof not in quiet:
            yield ProofSection(_account(proof["account"]), tuple(_proof_rows(proof)))
    if quiet:
        rows = tuple(ProofRow(label=_account(proof["account"])) for proof in quiet)
        yield ProofSection("Không có số dư và phát sinh", rows)
    listed = tuple(
        ProofRow(
            label=str(label("reason", one["reason"])),
            day=date.fromisoformat(one["date"]),
            amount_vnd=one["amount_vnd"],
            note=one["account"],
        )
        for one in body["open_exception_list"]
    )
    yield ProofSection("Ngoại lệ còn mở", listed or (ProofRow(label="Không có"),))
    yield ProofSection("Sao kê và tệp quyết toán làm căn cứ", _files(body))
    yield ProofSection("Bút toán trong sổ đến hết ngày", _transfers(body["transfers"]))


def _is_quiet(proof: Mapping[str, Any]) -> bool:
    """Whether an account holds nothing and nothing has happened on it."""
    figures = [proof["opening_vnd"], proof["closing_vnd"], proof["difference_vnd"]]
    return not any(figures) and not any(
        item["amount_vnd"] or item["count"] for item in proof["items"]
    )


def _account(name: str) -> str:
    adapter, _, number = name.rpartition(":")
    if not adapter:
        return f"Tài khoản ngân hàng {number}"
    return f"Tiền đang chuyển qua {label('channel', adapter)}, tài khoản {number}"


def _proof_rows(proof: Mapping[str, Any]) -> Iterator[ProofRow]:
    yield ProofRow(label="Số dư đầu ngày", amount_vnd=proof["opening_vnd"], is_sum=True)
    for item in proof["items"]:
        yield ProofRow(
            label=str(label("proof_item", item["kind"])),
            count=item["count"] or None,
            amount_vnd=item["amount_vnd"],
        )
    unproved = "" if proof["difference_vnd"] is not None else "chưa chứng minh"
    yield ProofRow(label="Số dư cuối ngày", amount_vnd=proof["closing_vnd"], is_sum=True)
    yield ProofRow(
        label="Chênh lệch", amount_vnd=proof["difference_vnd"], note=unproved, is_sum=True
    )


def _files(body: Mapping[str, Any]) -> tuple[ProofRow, ...]:
    statements = [
        ProofRow(
            label=f"{one['account']}: {one['file']}",
            count=one["lines"],
            note=f"từ {one['from']} đến {one['to']}, SHA-256 {one['sha256']}",
        )
        for one in body["statements"]
    ]
    settlements = [
        ProofRow(
            label=f"{one['account']}: {one['file']}",
            count=one["lines"],
            note=f"SHA-256 {one['sha256']}",
        )
        for one in body["settlements"]
    ]
    return (*statements, *settlements) or (ProofRow(label="Không có tệp mới"),)


def _transfers(kinds: Sequence[Mapping[str, Any]]) -> tuple[ProofRow, ...]:
    rows = [
        ProofRow(
            label=str(label("transfer", one["kind"])), count=one["count"], amount_vnd=one["sum_vnd"]
        )
        for one in kinds
    ]
    total = ProofRow(
        label="Cộng",
        count=sum(one["count"] for one in kinds),
        amount_vnd=sum(one["sum_vnd"] for one in kinds),
        is_sum=True,
    )
    return (*rows, total)


def proof_xlsx(document: ProofDocument) -> bytes:
    """The document as one sheet: a row per line, its heading in the first column."""
    rows: list[tuple[Cell, ...]] = [
        (
            section.title,
            row.label,
            row.day or "",
            "" if row.count is None else row.count,
            "" if row.amount_vnd is None else row.amount_vnd,
            row.note,
        )
        for section in document.sections
        for row in section.rows
    ]
    return write_sheet(
        "Chot so",
        HEADERS,
        rows,
        as_of=document.day,
        above=(
            document.school,
            f"{TITLE} NGÀY {format_day(document.day, 'vi')}{'' if document.is_closed else f' – {DRAFT}'}",
            *(f"{what}: {value}" for what, value in document.facts),
        ),
        below=[("",), ("", "Kế toán (ký, họ tên)", "", "", "Thủ trưởng đơn vị (ký, họ tên)")],
    )


def proof_pdf(document: ProofDocument) -> bytes:
    """The document as a PDF to sign. Call it in a thread."""
    data = {
        "title": TITLE,
        "school": document.school,
        "day": format_day(document.day, "vi"),
        "draft": "" if document.is_closed else DRAFT,
        "facts": document.facts,
        "sections": [
            {
                "title": section.title,
                "rows": [
                    {
                        "label": row.label,
                        "day": format_day(row.day, "vi") if row.day else "",
                        "count": "" if row.count is None else str(row.count),
                        "amount": ""
                        if row.amount_vnd is None
                        else format_vnd(row.amount_vnd, "vi"),
                        "note": row.note,
                        "is_sum": row.is_sum,
                    }
                    for row in section.rows
                ],
            }
            for section in document.sections
        ],
    }
    return set_pdf("proof.typ", data, "vi", at=document.at)
