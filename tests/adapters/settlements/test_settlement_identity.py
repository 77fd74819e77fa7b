"""A line of a settlement file and a provider's notice of the same payment have the same name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.review_school import NOW, merchant_of, notice_of, notified
from support.settlement_layouts import Item, paper
from support.table_files import as_csv

from adapters.providers import momo, payos, vnpay, zalopay
from adapters.settlements import (
    Kind,
    PaymentName,
    Settlement,
    SettlementLine,
    name_of,
    read_settlement,
)
from sandbox import momo as sandbox_momo
from sandbox import payos as sandbox_payos
from sandbox import vnpay as sandbox_vnpay
from sandbox import zalopay as sandbox_zalopay
from sandbox.provider import Movement, MovementState
from sandbox.settlements import (
    Payout,
    Returned,
    Terms,
    entries_of,
    momo_xlsx,
    neutral_csv,
    payout_vnd,
    vnpay_xlsx,
)

CASES: dict[str, tuple[ModuleType, ModuleType]] = {
    "vnpay": (vnpay, sandbox_vnpay),
    "momo": (momo, sandbox_momo),
    "zalopay": (zalopay, sandbox_zalopay),
    "payos": (payos, sandbox_payos),
}
WRITERS: dict[str, Callable[..., bytes]] = {
    "neutral": neutral_csv,
    "vnpay": vnpay_xlsx,
    "momo": momo_xlsx,
}
FILES = [("vnpay", "vnpay"), ("momo", "momo"), *((name, "neutral") for name in CASES)]
TERMS = Terms(fee_basis_points=110)
SETTLED = date(2026, 9, 11)


def movement(provider: str, sequence: int, amount_vnd: int, **changes: object) -> Movement:
    fields: dict[str, object] = {
        "sequence": sequence,
        "amount_vnd": amount_vnd,
        "at": NOW + timedelta(minutes=2),
        "merchant_reference": str(2**41 + sequence)
        if provider == "payos"
        else f"HP7K2M9Q{sequence:04d}00",
        "bank_transaction_id": f"FT26PO{sequence:08d}",
        "account_number": "0123456789",
        **changes,
    }
    return Movement(**fields)  # type: ignore[arg-type]


def settled(provider: str, writer: str, payouts: list[Payout]) -> Settlement:
    data = WRITERS[writer](payouts, TERMS, merchant_of(provider))
    return read_settlement(data, f"{provider}.xlsx")


def agrees(provider: str, name: PaymentName, of: Movement) -> bool:
    """Whether a name means the payment that the provider's own notice tells of."""
    adapter, notifier = CASES[provider]
    notice = notice_of(adapter, notified(notifier, of))
    assert notice.transaction_id.endswith(f".{name.provider_number}")
    return name.transaction_id in ("", notice.transaction_id) and name.merchant_reference in (
        "",
        notice.merchant_reference,
    )


@pytest.mark.parametrize(("provider", "writer"), FILES)
def test_a_payment_has_the_name_of_its_notice(provider: str, writer: str) -> None:
    paid = [movement(provider, 1, 1_250_000), movement(provider, 2, 333_333)]
    failed = movement(provider, 3, 5, state=MovementState.FAILED)
    payout = Payout(batch_id="B1", settled_on=SETTLED, paid=[*paid, failed])
    settlement = settled(provider, writer, [payout])
    assert len(settlement.lines) == 2
    for line, of in zip(settlement.lines, paid, strict=True):
        name = name_of(provider, line)
        assert agrees(provider, name, of)
        assert name.merchant_reference == of.merchant_reference
        assert bool(name.transaction_id) == (provider != "payos")
        assert line.paid_at is not None
        assert abs(line.paid_at - of.at) < timedelta(minutes=1)


@pytest.mark.parametrize(("provider", "writer"), FILES)
def test_a_refund_names_the_payment_that_it_takes_from(provider: str, writer: str) -> None:
    first, second = movement(provider, 1, 1_250_000), movement(provider, 2, 333_333)
    number = "FT26PO00000077" if provider == "payos" else "99"
    back = Returned(movement=second, number=number, amount_vnd=33_333, at=NOW + timedelta(days=1))
    payout = Payout(batch_id="B1", settled_on=SETTLED, paid=[first], returned=[back])
    settlement = settled(provider, writer, [payout])
    _, refund = settlement.lines
    assert (refund.kind, refund.gross_vnd) == (Kind.REFUND, -33_333)
    assert refund.provider_transaction_id == number
    assert agrees(provider, name_of(provider, refund), second)


@pytest.mark.parametrize(("provider", "writer"), FILES)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_the_sandbox_pays_out_what_its_file_says(
    provider: str, writer: str, data: st.DataObject
) -> None:
    amounts = data.draw(st.lists(st.integers(1, 10**8), min_size=1, max_size=6))
    cut = data.draw(st.integers(1, len(amounts)))
    moves = [movement(provider, n, vnd) for n, vnd in enumerate(amounts, 1)]
    groups = [group for group in (moves[:cut], moves[cut:]) if group]
    returned = [
        Returned(movement=moves[0], number="900", amount_vnd=amounts[0], at=NOW)
    ] * data.draw(st.integers(0, 1))
    payouts = [
        Payout(
            batch_id=f"B{n}",
            settled_on=SETTLED + timedelta(days=n),
            paid=group,
            returned=returned if n == 0 else (),
        )
        for n, group in enumerate(groups)
    ]
    settlement = settled(provider, writer, payouts)
    assert settlement.unreadable == settlement.gaps == ()
    assert [
        (b.batch_id, b.settled_on, b.summed.count, b.summed.net_vnd) for b in settlement.batches
    ] == [
        (p.batch_id, p.settled_on, len(entries_of(p, TERMS)), payout_vnd(p, TERMS)) for p in payouts
    ]
    assert all((b.stated is not None) == (writer != "neutral") for b in settlement.batches)
    assert settlement.provider == ("" if writer == "neutral" else provider)


def test_the_fee_is_rounded_per_transaction() -> None:
    paid = [movement("vnpay", n, 12_345) for n in (1, 2)]
    payout = Payout(batch_id="B1", settled_on=SETTLED, paid=paid)
    assert [(e.gross_vnd, e.fee_vnd, e.vat_vnd, e.net_vnd) for e in entries_of(payout, TERMS)] == [
        (12_345, 136, 14, 12_195)
    ] * 2  # 135.795 and 13.6


def line(**changes: str) -> SettlementLine:
    (found,) = read_settlement(
        as_csv(paper("neutral", [Item(gross_vnd=5, **changes)])),  # type: ignore[arg-type]
        "a.csv",
    ).lines
    return found


def refund(**changes: str) -> SettlementLine:
    (found,) = read_settlement(
        as_csv(paper("neutral", [Item(kind=Kind.REFUND, gross_vnd=-5, **changes)])),  # type: ignore[arg-type]
        "a.csv",
    ).lines
    return found


REF = "HP7K2M9QX4TB00"


@pytest.mark.parametrize(
    ("provider", "found", "name"),
    [
        ("vnpay", line(transaction="144", merchant=REF), (f"{REF}.144", REF, "144")),
        ("vnpay", line(transaction="144", merchant=""), ("", "", "144")),
        ("vnpay", line(transaction="", merchant=REF), ("", REF, "")),
        ("vnpay", refund(transaction="9", merchant=REF), ("", REF, "")),
        ("vnpay", refund(transaction="9", merchant=REF, original="144"), (f"{REF}.144", REF, "144")),
        ("vnpay", refund(transaction="9", merchant="R1", original=REF), ("", REF, "")),
        ("momo", refund(transaction="9", merchant="R1", original="400"), ("", "", "400")),
        ("momo", refund(transaction="9", merchant="R1", original=REF), ("", REF, "")),
        ("momo", refund(transaction="9", merchant="R1", original=f"{REF}.4"), (f"{REF}.4", REF, "4")),
        ("momo", refund(transaction="9", merchant="R1"), ("", "", "")),
        ("zalopay", line(transaction="26", merchant=f"260911_{REF}"), (f"260911_{REF}.26", REF, "26")),
        ("zalopay", line(transaction="26", merchant=REF), ("", REF, "26")),
        ("zalopay", refund(transaction="9", original=f"260911_{REF}"), ("", REF, "")),
        ("payos", line(transaction="FT26", merchant="2199"), ("", "2199", "FT26")),
        (
            "payos",
            line(transaction=f"{'a' * 32}.FT26", merchant="2199"),
            (f"{'a' * 32}.FT26", "2199", "FT26"),
        ),
        ("payos", refund(transaction="9", original="2199"), ("", "2199", "")),
        ("payos", refund(transaction="9", original="FT26"), ("", "", "FT26")),
        (
            "payos",
            refund(transaction="9", original=f"{'a' * 32}.FT26"),
            (f"{'a' * 32}.FT26", "", "FT26"),
        ),
    ],
)  # fmt: skip
def test_what_a_line_says_of_its_payment(
    provider: str, found: SettlementLine, name: tuple[str, str, str]
) -> None:
    said = name_of(provider, found)
    assert (said.transaction_id, said.merchant_reference, said.provider_number) == name


def test_a_fee_names_no_payment() -> None:
    rows = paper("neutral", [Item(kind=Kind.FEE, gross_vnd=0, fee_vnd=5)])
    (fee,) = read_settlement(as_csv(rows), "a.csv").lines
    assert name_of("vnpay", fee) == PaymentName()


def test_moments_are_utc() -> None:
    item = Item(gross_vnd=5, paid=datetime(2026, 9, 10, 0, 30))  # noqa: DTZ001 - as printed
    (found,) = read_settlement(as_csv(paper("neutral", [item])), "a.csv").lines
    assert found.paid_at == datetime(2026, 9, 9, 17, 30, tzinfo=UTC)
