"""Whatever bytes arrive: a statement or a FileError, nothing else."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st
from support.message_files import camt, mt940
from support.statement_files import Entry
from support.statement_layouts import PAPERS, paper_rows
from support.table_files import WRITERS

from adapters.contract import FileError
from adapters.statements import read_statements

ENTRIES = tuple(
    Entry(date(2026, 8, 1), vnd, f"HP{vnd} học phí", f"FT{vnd}") for vnd in (5_000, -700, 12)
)
WHOLE: list[bytes] = [
    *(mt940("0071000123456", 5, ENTRIES, by_day=True, envelope=e).encode() for e in (False, True)),
    *(camt("0071000123456", ENTRIES, opening_vnd=5, batches=b).encode() for b in (False, True)),
    *(
        write(paper_rows(paper, "0071000123456", 5, ENTRIES)[0])
        for write in WRITERS.values()
        for paper in PAPERS.values()
    ),
]
SNIPPETS = [
    *(b":61:", b":86:", b":20:", b":62F:", b"//", b"\0", b"\n", b"-}", b"{1:", b"VND", b","),
    *(b"<Ntry>", b"</Ntry>", b"<Amt", b"<!DOCTYPE a>", b"&a;", b"]]>", b"\xff\xfe", b"9" * 40),
    *(b'"', b";", "Số tài khoản".encode(), "Tổng".encode(), b"99/99/9999", b"=1+1", b"(5)"),
]


@settings(max_examples=300)
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
        for statement in read_statements(bytes(damaged), "a.bin"):
            for line in statement.lines:
                assert (line.credit_vnd > 0) != (line.debit_vnd > 0)


@settings(max_examples=300)
@given(
    head=st.sampled_from(
        [b"", b":20:A\n:25:1\n", b"<Document>camt.053.<BkToCstmrStmt>", b"PK\x03\x04", b"\xff\xfe"]
    ),
    tail=st.one_of(
        st.binary(max_size=300),
        st.lists(st.sampled_from(SNIPPETS), max_size=40).map(b"".join),
    ),
)
def test_foreign_bytes_raise_nothing_but_a_file_error(head: bytes, tail: bytes) -> None:
    with suppress(FileError):
        read_statements(head + tail, "a.bin")
