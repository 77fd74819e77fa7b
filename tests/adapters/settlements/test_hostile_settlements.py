"""Whatever bytes arrive: a settlement or a FileError, nothing else; and no money that the cells do not show."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st
from support.settlement_layouts import HEADERS, Item, paper, total_row
from support.table_files import WRITERS, as_csv

from adapters.contract import FileError
from adapters.settlements import Kind, SettlementMapping, mapped, read_settlement

ITEMS = [
    Item(gross_vnd=1_250_000, fee_vnd=13_750, vat_vnd=1_375),
    Item(kind=Kind.REFUND, gross_vnd=-5_000, original="14422001"),
]
TOTAL = total_row("Tổng cộng 2 giao dịch lô B1", "1.245.000", "13.750", "1.375", "1.229.875")
WHOLE = [write([*paper(layout, ITEMS), TOTAL]) for write in WRITERS.values() for layout in HEADERS]
SNIPPETS = [
    *(b"\0", b"\n", b'"', b";", b",", b"\t", b"\xff\xfe", b"9" * 40, b"1E+99", b"nan", b"-"),
    *(b"=1+1", b"(5)", b"99/99/9999", b"20269999999999", b"0000-00-00T99:99:99Z", b"VND"),
    *("Tổng".encode(), "Mã lô:".encode(), "Thực nhận".encode(), "Thanh toán".encode()),
]
WORDS = sorted({word for header in HEADERS.values() for word in header})
CELLS = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from([text.decode(errors="ignore") for text in SNIPPETS if b"\0" not in text]),
    st.text(max_size=12),
    st.integers(-(10**17), 10**17).map(str),
)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_files_raise_nothing_but_a_file_error(data: st.DataObject) -> None:
    damaged = bytearray(data.draw(st.sampled_from(WHOLE)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged)))
        until = data.draw(st.integers(at, min(len(damaged), at + 60)))
        damaged[at:until] = data.draw(
            st.one_of(st.binary(max_size=8), st.sampled_from(SNIPPETS), st.just(b""))
        )
    with suppress(FileError):
        read_settlement(bytes(damaged), "a.bin")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_foreign_bytes_raise_nothing_but_a_file_error(data: bytes) -> None:
    with suppress(FileError):
        read_settlement(data, "a.bin")


@settings(max_examples=200, deadline=None)
@given(
    layout=st.sampled_from(list(HEADERS)),
    rows=st.lists(st.lists(CELLS, max_size=12), max_size=8),
    above=st.lists(st.lists(CELLS, max_size=12), max_size=3),
)
def test_any_cells_below_a_header(
    layout: str, rows: list[list[str]], above: list[list[str]]
) -> None:
    with suppress(FileError):
        settlement = read_settlement(as_csv([*above, list(HEADERS[layout]), *rows]), "a.csv")
        gaps = {(gap.row, gap.sheet) for gap in settlement.gaps}
        for line in settlement.lines:
            balanced = line.gross_vnd - line.fee_vnd - line.vat_vnd == line.net_vnd
            assert balanced or (line.row, line.sheet) in gaps
        read = [line.row for line in settlement.lines] + [row.row for row in settlement.unreadable]
        assert len(read) == len(set(read))
        assert sum(batch.summed.count for batch in settlement.batches) == len(settlement.lines)


@settings(max_examples=100, deadline=None)
@given(names=st.lists(CELLS, min_size=13, max_size=13), rows=st.lists(st.lists(CELLS), max_size=4))
def test_any_mapping(names: list[str], rows: list[list[str]]) -> None:
    fields = (
        *("provider_transaction_id", "gross", "fee", "net", "merchant_reference", "kind", "vat"),
        *("original_reference", "paid_at", "settled_on", "batch_id", "status", "currency"),
    )
    with suppress(FileError):
        layout = mapped(SettlementMapping(**dict(zip(fields, names, strict=True))))  # type: ignore[arg-type]
        read_settlement(as_csv([names, *rows]), "a.csv", layout)
