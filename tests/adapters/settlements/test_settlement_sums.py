"""gross − fee − VAT = net: of a line, of a batch, of every total that a file prints."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.settlement_layouts import HEADERS, Item, paper, row_of, total_row
from support.table_files import Value, as_csv

from adapters.settlements import Kind, Settlement, SettlementGap, What, read_settlement

B1 = [Item(gross_vnd=100_000, fee_vnd=1_000, vat_vnd=100), Item(gross_vnd=50_000, fee_vnd=500)]
B2 = [Item(gross_vnd=70_000, fee_vnd=700, batch="B2", settled=date(2026, 11, 22))]
HEADER = list(HEADERS["vnpay"])


def reads(*rows: list[Value]) -> Settlement:
    return read_settlement(as_csv(rows), "a.csv")


def rows_of(items: list[Item]) -> list[list[Value]]:
    return [row_of(item) for item in items]


def test_a_line_that_does_not_add_up_is_kept_and_shown() -> None:
    settlement = reads(HEADER, row_of(Item(gross_vnd=100, fee_vnd=1, false_net_vnd=98)))
    (line,) = settlement.lines
    assert (line.gross_vnd, line.fee_vnd, line.net_vnd) == (100, 1, 98)
    assert settlement.gaps == (
        SettlementGap(row=2, sheet="", batch_id="B1", what=What.NET, expected=99, found=98),
    )
    (batch,) = settlement.batches
    assert batch.summed.net_vnd == 98


def test_a_fee_is_never_turned_into_a_gift() -> None:
    settlement = reads(HEADER, row_of(Item(gross_vnd=100, fee_vnd=1, false_net_vnd=101)))
    assert [line.fee_vnd for line in settlement.lines] == [1]
    assert [(gap.expected, gap.found) for gap in settlement.gaps] == [(99, 101)]


def test_totals_of_batches_and_of_all() -> None:
    settlement = reads(
        HEADER,
        *rows_of(B1),
        total_row("Cộng lô B1:", "150.000", "1.500", "100", "148.400"),
        *rows_of(B2),
        total_row("Cộng", "70.000", "700", "0", "69.300"),
        total_row("TỔNG CỘNG 3 giao dịch", "220.000", "2.200", "100", "217.700"),
    )
    assert settlement.gaps == settlement.unreadable == ()
    assert [
        (b.batch_id, b.settled_on, b.summed.count, b.summed.net_vnd, b.stated and b.stated.row)
        for b in settlement.batches
    ] == [("B1", date(2026, 11, 21), 2, 148_400, 4), ("B2", date(2026, 11, 22), 1, 69_300, 6)]


def test_a_total_of_all_below_a_batch_without_one() -> None:
    settlement = reads(
        HEADER,
        *rows_of(B1),
        total_row("Cộng lô B1", "150.000", "1.500", "100", "148.400"),
        *rows_of(B2),
        total_row("Total", "220.000", "2.200", "100", "217.700"),
    )
    assert settlement.gaps == ()
    assert [batch.stated is not None for batch in settlement.batches] == [True, False]


@pytest.mark.parametrize(
    ("total", "gaps"),
    [
        (("150.001", "1.500", "100", "148.401"), [("gross", 150_000, 150_001), ("net", 148_400, 148_401)]),
        (("150.000", "1.500", "100", "148.399"), [("net", 148_400, 148_399)]),
        (("150.000", "1.400", "200", "148.400"), [("fee", 1_500, 1_400), ("vat", 100, 200)]),
        (("", "", "", "148.000"), [("net", 148_400, 148_000)]),
        (("150.000", "1.400", "100", "148.400"), [("fee", 1_500, 1_400), ("net", 148_500, 148_400)]),
    ],
)  # fmt: skip
def test_a_total_that_differs_is_shown_with_its_place(
    total: tuple[str, str, str, str], gaps: list[tuple[str, int, int]]
) -> None:
    settlement = reads(HEADER, *rows_of(B1), total_row("Tổng lô: B1", *total))
    assert [(gap.what, gap.expected, gap.found) for gap in settlement.gaps] == gaps
    assert {(gap.row, gap.batch_id) for gap in settlement.gaps} == {(4, "B1")}


def test_a_number_of_lines_that_differs_is_shown() -> None:
    settlement = reads(
        HEADER, *rows_of(B1), total_row("Tổng cộng: 3 giao dịch", "150.000", "", "", "148.400")
    )
    assert [(gap.what, gap.expected, gap.found) for gap in settlement.gaps] == [("count", 2, 3)]


def test_a_line_that_cannot_be_read_leaves_a_gap_in_its_total() -> None:
    settlement = reads(
        HEADER,
        row_of(B1[0]),
        row_of(B1[1], {"gross": "5O.000"}),
        total_row("Tổng cộng", "150.000", "1.500", "100", "148.400"),
    )
    assert [row.row for row in settlement.unreadable] == [3]
    assert [(gap.what, gap.expected) for gap in settlement.gaps] == [
        ("gross", 100_000),
        ("fee", 1_000),
        ("net", 98_900),
    ]


def test_a_total_whose_words_name_no_batch_of_the_file() -> None:
    settlement = reads(
        HEADER,
        *rows_of(B1),
        total_row("Tổng lô hàng ngày 21/11", "150.000", "1.500", "100", "148.400"),
    )
    (batch,) = settlement.batches
    assert (batch.batch_id, batch.stated is not None, settlement.gaps) == ("B1", True, ())


def test_a_total_of_a_part_of_a_batch_is_not_the_batchs() -> None:
    settlement = reads(
        HEADER,
        row_of(B1[0]),
        total_row("Cộng trang 1", "100.000", "1.000", "100", "98.900"),
        row_of(B1[1]),
    )
    (batch,) = settlement.batches
    assert (batch.stated, settlement.gaps) == (None, ())


def test_a_line_whose_text_begins_like_a_total_is_a_line() -> None:
    header = ["Nội dung", *HEADER[1:]]
    row = row_of(B1[0], {"kind": "Tổng học phí tháng 9", "transaction": "4000000001"})
    settlement = reads(header, row)
    assert [line.provider_transaction_id for line in settlement.lines] == ["4000000001"]


def test_a_total_of_one_kind_is_neither_line_nor_batch() -> None:
    total = total_row("Tổng", "150.000", "1.500", "100", "148.400")
    header, refund = list(HEADERS["neutral"]), Item(kind=Kind.REFUND, gross_vnd=-5)
    swapped = [[row[1], row[0], *row[2:]] for row in (header, *rows_of([*B1, refund]), total)]
    swapped[-1][0], swapped[-1][1] = "Tổng", "Thanh toán"
    settlement = reads(*swapped)
    assert (len(settlement.lines), settlement.gaps, settlement.unreadable) == (3, (), ())


def test_a_sum_without_a_name_is_not_a_payment() -> None:
    settlement = reads(HEADER, *rows_of(B1), total_row("", "150.000", "1.500", "100", "148.400"))
    assert len(settlement.lines) == 2
    assert [row.row for row in settlement.unreadable] == [4]


def test_a_batch_whose_lines_name_two_days_has_none() -> None:
    other = Item(gross_vnd=5, settled=date(2026, 11, 23))
    (batch,) = reads(HEADER, *rows_of([*B1, other])).batches
    assert batch.settled_on is None


def test_without_batches_a_day_is_one() -> None:
    items = [Item(gross_vnd=5, batch=""), Item(gross_vnd=7, batch="", settled=date(2026, 11, 22))]
    batches = reads(HEADER, *rows_of(items)).batches
    assert [(b.batch_id, b.settled_on, b.summed.net_vnd) for b in batches] == [
        ("", date(2026, 11, 21), 5),
        ("", date(2026, 11, 22), 7),
    ]


@given(
    nets=st.lists(
        st.tuples(st.integers(1, 10**9), st.sampled_from("ABC")), min_size=1, max_size=12
    ),
    off_vnd=st.integers(-5, 5),
)
def test_batches_sum_their_lines_in_any_order(nets: list[tuple[int, str]], off_vnd: int) -> None:
    items = [Item(gross_vnd=vnd, batch=batch) for vnd, batch in nets]
    total_vnd = sum(vnd for vnd, _ in nets)
    rows = paper("neutral", items)
    rows.append(total_row("Total", total_vnd, 0, 0, total_vnd + off_vnd))
    settlement = reads(*rows)
    assert {b.batch_id: b.summed.net_vnd for b in settlement.batches} == {
        batch: sum(vnd for vnd, of in nets if of == batch) for _, batch in nets
    }
    expected = [(len(rows), total_vnd, total_vnd + off_vnd)] if off_vnd else []
    assert [(gap.row, gap.expected, gap.found) for gap in settlement.gaps] == expected
