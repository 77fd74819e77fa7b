"""The page of errors: complete, one title for each code, a kind for each type."""

from __future__ import annotations

from core.kit.errors import ConflictError, InvalidError
from core.kit.texts import msg
from core.refunds.errors import BadPaidDayError, RefundExceedsError, UnknownRefundError
from gateway.problems import STATUS
from tools.errors_page import error_types, import_all, page_of, two_titles


class FirstError(ConflictError):
    """A type of its own."""

    code = "of_a_test"
    title = msg("Không tìm thấy.")


class SecondError(InvalidError):
    """Another type of the same code."""

    code = "of_a_test"
    title = msg("Hãy ghi lý do.")


def test_every_type_has_a_title_and_is_of_one_kind() -> None:
    import_all()
    types = error_types()
    assert RefundExceedsError in types
    assert FirstError not in types
    for one in types:
        kinds = [kind for kind in STATUS if issubclass(one, kind)]
        assert len(kinds) == 1, one
        assert one.title.id, one
    assert two_titles(types) == []


def test_a_row_shows_code_status_texts_and_fields() -> None:
    page = page_of([UnknownRefundError, BadPaidDayError])
    assert page.count("\n## `core.refunds`\n") == 1
    assert (
        "| `not_found` | 404 | Không tìm thấy.<br>Not found. | Không tìm thấy khoản hoàn tiền này."
        "<br>No such refund. |  | `errors.UnknownRefundError` |\n"
    ) in page
    assert "The day is {first:date} to {last:date}. | `first`, `last` |" in page


def test_two_titles_of_one_code_are_seen() -> None:
    (fault,) = two_titles([FirstError, SecondError, UnknownRefundError])
    assert fault.startswith("of_a_test: ")
