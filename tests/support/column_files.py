"""Files whose columns nobody knows yet."""

from __future__ import annotations

from support.factories import DAY, World
from support.staff import ConsoleSession
from support.table_files import Rows

SEE_OTHER = 303


HEADERS = ("Thời gian", "Diễn giải chi tiết", "Số phát sinh (VND)", "Còn lại", "Mã tra soát")


CHOSEN = {
    "date": "Thời gian",
    "content": "Diễn giải chi tiết",
    "amount": "Số phát sinh (VND)",
    "balance": "Còn lại",
    "transaction_id": "Mã tra soát",
}


def rows(*, last: str = "LAN HAI") -> Rows:
    day = f"{DAY:%d/%m/%Y}"
    return [
        ["NGÂN HÀNG CHƯA AI BIẾT"],
        [],
        HEADERS,
        [day, "LAN MOT", "1.250.000", "11.250.000", "X1"],
        [day, last, "-250.000", "11.000.000", "X2"],
    ]


async def held(
    console: ConsoleSession, world: World, data: bytes, name: str = "sao-ke.xlsx"
) -> str:
    answer = await console.upload(
        "statement", name, data, bank_account_id=str(world.bank_account_id)
    )
    assert answer.status_code == SEE_OTHER
    return answer.headers["location"]
