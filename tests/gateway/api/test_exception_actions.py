"""Exceptions over the interface: how old, what may be done, and a key that does it under its own name."""

from __future__ import annotations

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import DAY, make_world
from support.serving import gateway_client
from support.statement_files import Entry, mb_csv

from core.identity.service import create_api_key
from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from reconciliation.jobs.reconcile_day import reconcile
from reconciliation.statements.imports import import_statement


async def test_a_key_places_notes_and_explains(engine: AsyncEngine, database_url: str) -> None:
    async with transaction(engine) as db:
        world = await make_world(db, [100_000, 200_000])
        key = await create_api_key(db, world.school_id, "SMAS")
        file = mb_csv(
            world.bank_number,
            0,
            [
                Entry(DAY, 90_000, "khong ro", "F1"),
                Entry(DAY, 200_500, world.invoices[1].reference, "F2"),
            ],
        )
        await import_statement(
            db, world.school_id, world.bank_account_id, file, "mb.csv", actor="an"
        )
    await reconcile(engine, world.school_id, DAY)
    async with gateway_client(database_url) as http:
        http.headers["authorization"] = f"Bearer {key}"

        async def send(path: str, **body: str) -> httpx.Response:
            return await http.post(f"/api/v1/exceptions/{path}", json=body)

        items = (await http.get("/api/v1/exceptions")).json()["items"]
        found = {one["reason"]: one for one in items}
        unknown, over = found["unknown_reference"], found["amount_mismatch"]
        assert unknown["age_days"] == max(0, (business_date(now_utc()) - DAY).days)
        assert (unknown["known_days"], unknown["waiting_vnd"]) == (0, 90_000)
        assert unknown["actions"][:2] == ["place", "split"]
        assert "suspend" in over["actions"]

        first = world.invoices[0].reference
        to = {"invoice_reference": first, "note": "Mẹ gọi"}
        assert (await send(f"{unknown['id']}/explain", note="x")).json()["code"] == "money_waits"
        assert (await send(f"{unknown['id']}/place", **to, mark="x")).status_code == 409
        assert (await send(f"{unknown['id']}/place", invoice_reference=first)).status_code == 400
        noted = await send(f"{unknown['id']}/notes", text="Hỏi phụ huynh lớp 3A")
        assert noted.json()["mark"] == unknown["mark"]
        placed = (await send(f"{unknown['id']}/place", **to, mark=unknown["mark"])).json()
        assert (placed["resolution"], placed["resolved_by"]) == ("placed", "api:SMAS")
        assert placed["invoice_reference"] == first
        assert (await send(f"{unknown['id']}/place", **to)).json()["code"] == "already_resolved"
        explained = await send(f"{over['id']}/explain", note="Trừ kỳ sau", resolution="accepted")
        assert explained.json()["resolution"] == "accepted"
        assert (await send("999999/notes", text="x")).status_code == 404

        listed = (await http.get("/api/v1/invoices")).json()["items"]
        assert [(one["paid_vnd"], one["confirmation"]) for one in listed] == [
            (90_000, "confirmed_by_hand"),
            (200_000, "confirmed_automatically"),
        ]
        detail = (await http.get(f"/api/v1/invoices/{first}")).json()
        assert detail["invoice"]["confirmation"] == "confirmed_by_hand"
