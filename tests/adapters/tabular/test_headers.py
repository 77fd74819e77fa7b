"""A header is found by its words, wherever its columns stand; two columns with one claim are never chosen between."""

from __future__ import annotations

from enum import StrEnum

import pytest

from adapters.contract import FileError
from adapters.tabular.cells import Cell, CellError, normalise_header, parse_vnd
from adapters.tabular.headers import (
    Layout,
    claim_columns,
    column_letter,
    counted_from,
    header_texts,
    is_text_below,
)
from adapters.tabular.rows import RowReader, UnreadableRowError
from adapters.tabular.workbook import Row


class Mark(StrEnum):
    FEE = "fee"
    GROSS = "gross"
    CODE = "code"
    NOTE = "note"


LAYOUT = Layout(
    name="ours",
    headers={
        Mark.CODE: ("=ma", "ma giao dich"),
        Mark.GROSS: ("so tien", "=tien"),
        Mark.FEE: ("~phi",),
        Mark.NOTE: ("ghi chu",),
    },
    required=frozenset({Mark.CODE, Mark.GROSS}),
    sole=frozenset({Mark.CODE, Mark.GROSS, Mark.FEE}),
)


def row(number: int, *cells: Cell) -> Row:
    return Row(number, cells)


def test_headers_and_letters() -> None:
    assert normalise_header("Ngày/\nTNX Date/ Số CT/ Doc No") == "ngay tnx date so ct doc no"
    assert normalise_header(" SỐ  TIỀN (Đồng)* ") == "so tien dong"
    assert [column_letter(i) for i in (0, 25, 26, 51, 52, 701, 702)] == [
        *("A", "Z", "AA", "AZ", "BA", "ZZ", "AAA")
    ]


def test_a_layout_knows_its_columns_in_any_order() -> None:
    header = LAYOUT.match(
        header_texts(row(4, "Số tiền (đ)", None, "Ghi chú", "Phí/ Fee (VND)", "Mã\ngiao dịch"))
    )
    assert header is not None
    assert (header.row, header.height) == (4, 1)
    assert header.columns == {Mark.FEE: (3,), Mark.GROSS: (0,), Mark.CODE: (4,), Mark.NOTE: (2,)}
    assert header.place(4).label == "Mã giao dịch (E)"
    assert header.unknown == ()


def test_words_within_and_whole_headers() -> None:
    assert LAYOUT.match(header_texts(row(1, "Mã", "Tiền", "x"))) is not None
    assert LAYOUT.match(header_texts(row(1, "Mã lớp", "Số tiền", "x"))) is None
    assert LAYOUT.match(header_texts(row(1, "Mã", "Tiền"))) is None  # too few texts for a table


def test_the_most_telling_phrase_decides_before_the_place() -> None:
    header = LAYOUT.match(header_texts(row(1, "Mã giao dịch", "Mã", "Số tiền")))
    assert header is not None
    assert header.columns[Mark.CODE] == (1,)
    assert header.unknown == ("Mã giao dịch",)


def test_two_columns_with_one_claim_are_refused() -> None:
    with pytest.raises(FileError, match="ambiguous_header") as refused:
        LAYOUT.match(header_texts(row(1, "Mã", "Số tiền", "Số tiền VND")))
    assert "B, C" in str(refused.value.detail)
    assert LAYOUT.match(header_texts(row(1, "Mã", "Số tiền", "Ghi chú", "Ghi chú"))) is not None


def test_a_header_of_two_rows_is_read_as_one() -> None:
    above = row(7, "Mã", "Số", None, "Phí")
    below = row(8, None, "tiền", "Ghi chú")
    assert is_text_below(above, below)
    assert not is_text_below(above, row(9, "tiền"))
    assert not is_text_below(above, row(8, 5))
    header = LAYOUT.match(header_texts(above, below))
    assert header is not None
    assert (header.row, header.height) == (8, 2)
    assert header.names[1] == "Số tiền"


def test_in_a_list_every_column_says_what_it_means() -> None:
    def meaning_of(text: str) -> Mark | None:
        return Mark.CODE if normalise_header(text).startswith("ma") else None

    header = claim_columns(row(2, "Mã", None, "Ghi  chú", "Mã HS", 5), meaning_of)
    assert header.columns == {Mark.CODE: (0, 3)}
    assert header.unknown == ("Ghi chú",)


@pytest.mark.parametrize(
    ("cells", "first"),
    [
        (("(1)", "(2)", "(3)"), 1),
        ((None, 0, 1, 2), 0),
        (("2", "3", "4"), 2),
        (("1", "3", "2"), None),
        (("1", "2"), None),
        (("1", "2", "3đ"), None),
    ],
)
def test_a_row_that_counts_the_columns(cells: tuple[Cell, ...], first: int | None) -> None:
    assert counted_from(Row(1, cells)) == first


def test_what_cannot_be_read_names_its_column_and_value() -> None:
    header = LAYOUT.match(header_texts(row(1, "Mã", "Số tiền", "Ghi chú")))
    assert header is not None
    reader = RowReader(header, "Tháng 9")
    line = row(2, "A", "1.25O")
    assert reader.read(row(2, "A", "1.250"), Mark.GROSS, parse_vnd) == 1250
    with pytest.raises(UnreadableRowError) as stopped:
        reader.read(line, Mark.GROSS, parse_vnd)
    unread = stopped.value.line(2, ("A", "1.25O"))
    assert (unread.row, unread.column) == (2, "Số tiền (cột B, trang «Tháng 9»)")
    assert (unread.value, str(unread.problem)) == ("1.25O", "«1.25O» không phải số tiền")
    with pytest.raises(CellError):
        parse_vnd(line.at(1))
    assert reader.problem(line, Mark.FEE, unread.problem).column == ""
