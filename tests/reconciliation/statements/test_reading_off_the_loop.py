"""Files are read beside the event loop: a large one must not keep payments waiting at the door."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.bank_day import OPENING_VND, world_of
from support.factories import DAY
from support.statement_files import Entry, mb_csv

from core.kit.database import transaction
from reconciliation.statements import imports as statements
from reconciliation.statements import mappings


def watched(monkeypatch: pytest.MonkeyPatch, room: object, name: str) -> list[str]:
    """The names of the threads in which a function of a room ran."""
    real: Callable[..., Any] = getattr(room, name)
    threads: list[str] = []

    def watch(*args: Any, **more: Any) -> Any:
        threads.append(threading.current_thread().name)
        return real(*args, **more)

    monkeypatch.setattr(room, name, watch)
    return threads


async def test_statements_and_their_columns_are_read_in_a_thread(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await world_of(engine, [])
    table = "Ngày,Ghi có,Ghi nợ,Số dư,Nội dung\n10/09/2026,1000,,5001000,lai\n".encode()
    said = {
        "date": "Ngày",
        "credit": "Ghi có",
        "debit": "Ghi nợ",
        "balance": "Số dư",
        "content": "Nội dung",
    }
    seen = [
        watched(monkeypatch, statements, "read_file"),
        watched(monkeypatch, mappings, "read_sheets"),
        watched(monkeypatch, mappings, "read_statement_by"),
    ]
    async with transaction(engine) as db:
        await mappings.save_mapping(
            db,
            world.school_id,
            headers=said,
            data=table,
            file_name="a.csv",
            actor="an",
            bank_account_id=world.bank_account_id,
        )
        file = mb_csv(world.bank_number, OPENING_VND, [Entry(DAY, 7, "lai")])
        await statements.preview_statement(
            db, world.school_id, world.bank_account_id, file, "mb.csv"
        )
    assert all(threads for threads in seen)
    assert threading.main_thread().name not in {name for threads in seen for name in threads}
