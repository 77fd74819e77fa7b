"""What a demo reports: one JSON object for programs, a short page of text for people. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date

from core.kit.money import format_vnd
from demo.books import Comparison
from demo.morning import Morning
from demo.world import World
from reconciliation.proof.day import DayResult

POSITIONS = {"open": "chưa nộp / open", "partial": "một phần / partly", "paid": "đã nộp / paid"}
REASONS_VI: Mapping[str, str] = {
    "unknown_reference": "không có mã tham chiếu",
    "amount_mismatch": "sai số tiền",
    "duplicate_payment": "trả trùng",
    "missing_in_statement": "thiếu trên sao kê",
    "missing_notice": "thiếu thông báo",
    "closed_invoice": "phiếu đã huỷ",
    "wrong_account": "sai tài khoản",
    "conflicting_duplicate": "thông báo mâu thuẫn",
    "unreadable_line": "dòng không đọc được",
    "unexplained_debit": "tiền ra chưa rõ",
    "fee_variance": "phí khác hợp đồng",
    "batch_total_mismatch": "tiền quyết toán chưa khớp lô",
    "refund_unmatched": "hoàn tiền chưa khớp",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The day in numbers. `healed`: payments that only the statement showed."""

    pupils: int
    invoices: int
    invoiced_vnd: int
    payments: int
    applications: int
    by_adapter: Mapping[str, int]
    portal_outward: int
    portal_inward: int
    receipts: int
    collected_vnd: int
    messages: int
    duplicates: int
    refused: int
    lost: int
    healed: int
    healed_by_asking: int
    conflicting: int
    cancelled: int
    corrected: int
    invoices_paid: int
    invoices_partly_paid: int
    invoices_open: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoReport:
    """Everything a demo came to."""

    day: date
    base_url: str
    counts: Counts
    result: DayResult
    morning: Morning
    books: tuple[Comparison, ...]
    invoices_off: int
    export_files: tuple[str, ...]
    statement_files: tuple[str, ...]
    setup_s: float
    day_s: float

    @property
    def is_sound(self) -> bool:
        """Every account closes to the đồng, and both sides' books agree."""
        return (
            self.result.is_closed
            and self.morning.result.is_closed
            and all(comparison.agrees for comparison in self.books)
            and self.invoices_off == 0
        )


def as_json(report: DemoReport) -> dict[str, object]:
    """The object of `hocphi demo --json`."""
    return {
        "business_date": report.day.isoformat(),
        "base_url": report.base_url,
        "is_sound": report.is_sound,
        "counts": asdict(report.counts),
        "proof": _proof_json(report.result),
        "morning": {
            "business_date": report.morning.day.isoformat(),
            "proof": _proof_json(report.morning.result),
            "matches": dict(report.morning.result.matches),
            "exceptions": dict(report.morning.result.exceptions),
            "refunds": report.morning.refunds,
            "batches_booked": report.morning.batches_booked,
            "fees_vnd": report.morning.fees_vnd,
            "late": {late.adapter: late.unpaid_vnd for late in report.morning.late},
            "result_hash": report.morning.result.result_hash,
        },
        "books": [
            {**asdict(comparison), "difference_vnd": comparison.difference_vnd}
            for comparison in report.books
        ],
        "invoices_off": report.invoices_off,
        "matches": dict(report.result.matches),
        "exceptions": dict(report.result.exceptions),
        "export_files": list(report.export_files),
        "statement_files": list(report.statement_files),
        "result_hash": report.result.result_hash,
        "seconds": {"setup": round(report.setup_s, 1), "day": round(report.day_s, 1)},
    }


def _proof_json(result: DayResult) -> list[dict[str, object]]:
    return [
        {
            "account": proof.account,
            "opening_vnd": proof.opening_vnd,
            "closing_vnd": proof.closing_vnd,
            "difference_vnd": proof.difference_vnd,
        }
        for proof in result.proofs
    ]


def as_lines(report: DemoReport) -> list[str]:
    """The report for people: Vietnamese first, English beside it."""
    return [
        "",
        f"TRƯỜNG TIỂU HỌC HOA SEN · ngày {report.day:%d/%m/%Y}",
        "",
        *_columns(*_figures(report.counts)),
        "",
        *_proof_lines(report.result),
        "",
        f"Sáng hôm sau / the morning after · {report.morning.day:%d/%m/%Y}",
        "",
        *_columns(*_morning_figures(report.morning)),
        "",
        *_proof_lines(report.morning.result),
        "",
        "Sổ của ngân hàng thử và sổ của Hocphi / the sandbox's books beside ours",
        *(
            f"  {books.account:<24}{books.sandbox_payments:>6} ↔ {books.gateway_payments:<6}"
            f"lệch / off {books.difference_vnd} đ, {books.differing} giao dịch / transactions"
            for books in report.books
        ),
        "",
        "Ngoại lệ cần người xem / exceptions",
        *(
            f"  {count:>4}  {reason:<24}{REASONS_VI.get(reason, '')}"
            for reason, count in _exceptions(report)
        ),
        "",
        "Tệp / files",
        *(f"  {path}" for path in (*report.statement_files, *report.export_files)),
        "",
        f"Chuẩn bị / set-up {report.setup_s:.1f} s, cả ngày / the day {report.day_s:.1f} s",
        "Mọi tài khoản khớp đến từng đồng. / Every account closes to the đồng."
        if report.is_sound
        else "CHƯA KHỚP: xem các số chênh lệch ở trên. / NOT SOUND: see the differences above.",
    ]


def _proof_lines(result: DayResult) -> list[str]:
    return [
        f"Chứng minh số dư ngày {result.day:%d/%m/%Y} / proof of the day (đồng)",
        f"  {'':<24}{'đầu ngày':>16}{'cuối ngày':>16}{'chênh lệch':>12}",
        *(
            f"  {proof.account:<24}{_figure(proof.opening_vnd)}{_figure(proof.closing_vnd)}"
            f"{_figure(proof.difference_vnd, 12)}"
            for proof in result.proofs
        ),
    ]


def _exceptions(report: DemoReport) -> list[tuple[str, int]]:
    both = Counter(report.result.exceptions) + Counter(report.morning.result.exceptions)
    return sorted(both.items())


def _morning_figures(morning: Morning) -> list[tuple[str, str]]:
    late = ", ".join(
        f"{one.adapter} {format_vnd(one.unpaid_vnd, 'vi')} ({one.unpaid_count})"
        for one in morning.late
    )
    return [
        ("Hoàn tiền / refunds", f"{morning.refunds}"),
        ("Lô đã về / batches booked", f"{morning.batches_booked}"),
        ("Phí và thuế / fees and VAT", format_vnd(morning.fees_vnd, "vi")),
        ("Quyết toán chậm / late", late),
    ]


def _figures(counts: Counts) -> list[tuple[str, str]]:
    channels = ", ".join(f"{adapter} {count}" for adapter, count in counts.by_adapter.items())
    portal = f"ra / outward {counts.portal_outward}, vào / inward {counts.portal_inward}"
    notified = [
        f"lặp / duplicates {counts.duplicates}",
        f"bị từ chối / refused {counts.refused}",
        f"mâu thuẫn / conflicting {counts.conflicting}",
        f"thất lạc / lost {counts.lost}",
    ]
    state = [
        f"đủ / paid {counts.invoices_paid}",
        f"một phần / partly {counts.invoices_partly_paid}",
        f"chưa / open {counts.invoices_open}",
    ]
    invoiced, collected = (
        format_vnd(vnd, "vi") for vnd in (counts.invoiced_vnd, counts.collected_vnd)
    )
    return [
        ("Học sinh / pupils", f"{counts.pupils}"),
        ("Phiếu báo thu / invoices", f"{counts.invoices} = {invoiced}"),
        ("Hồ sơ / applications", f"{counts.applications}"),
        ("Lượt nộp / payments", f"{counts.payments} = {collected}"),
        ("Qua kênh / by adapter", channels),
        ("Cổng DVC / the portal", f"{portal}, biên lai / e-receipts {counts.receipts}"),
        ("Thông báo / messages", f"{counts.messages}: {', '.join(notified)}"),
        ("Hỏi lại bù / healed by asking", f"{counts.healed_by_asking}"),
        ("Sao kê bù / by statements", f"{counts.healed}"),
        ("Sửa một ký tự / corrected", f"{counts.corrected}"),
        ("Phiếu nay / invoices now", ", ".join(state)),
    ]


def invitation(
    report: DemoReport, world: World, pay_urls: Mapping[str, str], demo_file: str
) -> list[str]:
    """Where to look at it, and as whom. `pay_urls`: an invoice's standing -> its page."""
    return [
        "",
        *_columns(
            *((f"Phụ huynh / parent: {POSITIONS[state]}", url) for state, url in pay_urls.items()),
            ("Kế toán / console", f"{report.base_url}/console"),
            *((f"  {login.role}", f"{login.username}  {login.password}") for login in world.logins),
            ("API", f"{report.base_url}/schema"),
            ("Khoá, tài khoản / keys", demo_file),
        ),
        "",
        "Ctrl-C để dừng / to stop.",
    ]


def _columns(*pairs: tuple[str, str]) -> list[str]:
    width = max(len(name) for name, _ in pairs) + 2
    return [f"  {name:<{width}}{value}" for name, value in pairs]


def _figure(amount_vnd: int | None, width: int = 16) -> str:
    text = "?" if amount_vnd is None else f"{amount_vnd:,}".replace(",", ".")
    return f"{text:>{width}}"
