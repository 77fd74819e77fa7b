"""The exceptions of the console beyond one placement: split, many at once, back to suspense, a colleague asked."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import World, make_world
from support.serving import gateway_client
from support.staff import ConsoleSession, hire, receive
from support.texts import in_both

from core.kit.database import transaction
from core.kit.texts import vi_of
from gateway.console.frame.match_reasons import match_sentence

SEE_OTHER = 303
LIST = "/console/exceptions"


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway_client(database_url) as client:
        yield client


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    async with transaction(engine) as db:
        world = await make_world(db, [100_000, 200_000, 300_000])
    await hire(engine, world, "ketoan")
    await hire(engine, world, "phuong")
    return world


@pytest.fixture
async def console(client: httpx.AsyncClient, world: World) -> ConsoleSession:
    console = ConsoleSession(client)
    await console.sign_in("ketoan")
    await console.get("/console")
    return console


async def arrived(engine: AsyncEngine, world: World, amount_vnd: int, content: str) -> int:
    payment_id = await receive(engine, world, amount_vnd, content)
    async with transaction(engine) as db:
        found: int = await db.raw.fetchval(
            "SELECT id FROM exception WHERE payment_id = $1", payment_id
        )
        return found


async def paid(engine: AsyncEngine) -> list[int]:
    async with transaction(engine) as db:
        return [
            row["paid_vnd"]
            for row in await db.raw.fetch("SELECT paid_vnd FROM invoice ORDER BY id")
        ]


async def test_money_is_split_and_what_was_typed_survives_a_search(
    console: ConsoleSession, engine: AsyncEngine, world: World
) -> None:
    found = await arrived(engine, world, 250_000, "nop cho hai chau")
    first, second, _ = world.invoices
    page = f"{LIST}/{found}/split"
    assert (await console.get(page)).status_code == 200
    typed = {f"amount-{first.id}": "100.000 đ", "note": "Mẹ gọi"}
    searched = await console.send(f"{page}/search", text=second.reference, **typed)
    assert 'value="100.000 đ"' in searched.text
    assert second.reference in searched.text
    refused = await console.send(page, **typed, **{f"amount-{second.id}": "200.000"})
    assert refused.status_code == 422
    assert "nhiều hơn số tiền đang chờ" in refused.text
    done = await console.send(page, **typed, **{f"amount-{second.id}": "120.000"})
    assert done.headers["location"] == f"{LIST}/{found}?done=split"  # 30,000 still wait
    assert await paid(engine) == [100_000, 120_000, 0]
    assert (await console.send(f"{LIST}/{found}/undo", note="nhầm")).status_code == SEE_OTHER
    assert await paid(engine) == [0, 0, 0]
    assert (await console.send(f"{LIST}/{found}/undo", note="nữa")).status_code == 409
    again = await console.send(page, **typed, mark="open-9-9-9-9")
    assert again.status_code == 409
    assert "có người khác đang xử lý" in again.text


async def test_many_are_previewed_and_nothing_is_done_once_it_has_changed(
    console: ConsoleSession, engine: AsyncEngine, world: World
) -> None:
    async with transaction(engine) as db:
        await db.raw.execute(
            "UPDATE student SET code = 'TS-2026.07' WHERE id = $1", world.invoices[0].student_id
        )
    coded = await arrived(engine, world, 100_000, "ts 2026 07 nop tien")
    unclear = await arrived(engine, world, 200_000, "nop tien")
    assert f'name="id" value="{coded}"' in (await console.get(LIST)).text
    everything = {"action": "place", "every": "unknown_reference"}
    preview = (await console.send(f"{LIST}/preview", **everything)).text
    assert "Làm cho 1 ngoại lệ" in preview
    assert "Không mã nào chỉ đúng một phiếu" in preview
    digest = re.search(r'name="digest" value="([0-9a-f]{64})"', preview)
    assert digest is not None
    form = {"action": "place", "digest": digest[1], "note": "có mã", "id": str(coded)}
    stale = await console.send(
        f"{LIST}/bulk", **form
    )  # the other one is no longer among the chosen
    assert stale.status_code == 409
    assert await paid(engine) == [0, 0, 0]
    fresh = re.search(r'name="digest" value="([0-9a-f]{64})"', stale.text)
    assert fresh is not None
    done = await console.send(f"{LIST}/bulk", **{**form, "digest": fresh[1]})
    assert done.headers["location"] == f"{LIST}?done=bulk_done"
    assert await paid(engine) == [100_000, 0, 0]
    left = (await console.get(LIST)).text
    assert (f"{LIST}/{coded}" in left, f"{LIST}/{unclear}" in left) == (False, True)
    for bad in ({"action": "x"}, {"action": "place"}):
        assert (await console.send(f"{LIST}/preview", **bad)).status_code == 422


async def test_placed_money_goes_back_to_suspense_and_to_its_payer(
    console: ConsoleSession, engine: AsyncEngine, world: World
) -> None:
    found = await arrived(engine, world, 150_000, world.invoices[0].reference)
    address = f"{LIST}/{found}"
    assert "Đưa về chờ xử lý" in (await console.get(address)).text
    assert (await console.send(f"{address}/suspend", note=" ")).status_code == 422
    assert (await console.send(f"{address}/suspend", note="nhầm trường")).status_code == SEE_OTHER
    assert await paid(engine) == [0, 0, 0]
    form = (await console.get(f"{address}/return")).text
    assert "Đề nghị hoàn 150.000" in form
    nobody = await console.send(f"{address}/return", method="payout", note="nhầm trường", key="k")
    assert nobody.status_code == 422
    payee = {"bin": "970436", "number": "0123456789", "holder": "NGUYEN VAN AN"}
    asked = await console.send(
        f"{address}/return", method="payout", note="nhầm trường", key="k", **payee
    )
    assert asked.headers["location"].startswith("/console/refunds/")
    shown = (await console.get(address)).text
    assert "Hoàn lại người nộp" in shown
    assert payee["number"] not in shown
    assert (await console.get(f"{address}/return")).status_code == 409


async def test_a_colleague_sees_what_they_were_asked_first(
    console: ConsoleSession, engine: AsyncEngine, world: World, client: httpx.AsyncClient
) -> None:
    older = await arrived(engine, world, 10_000, "mot")
    newer = await arrived(engine, world, 20_000, "hai")
    address = f"{LIST}/{older}"
    asked = await console.send(f"{address}/ask", colleague="phuong", note="Của lớp nào?")
    assert asked.status_code == SEE_OTHER
    assert (await console.send(f"{address}/ask", colleague="ketoan", note="x")).status_code == 422
    await console.get(address)
    await console.send("/console/logout")
    colleague = ConsoleSession(client)
    await colleague.sign_in("phuong")
    assert "1 ngoại lệ đồng nghiệp hỏi bạn" in (await colleague.get("/console")).text
    queue = (await colleague.get(LIST)).text
    rows = re.findall(rf'<th scope="row"><a href="{LIST}/(\d+)"', queue)
    assert rows == [str(older), str(newer)]
    page = (await colleague.get(address)).text
    assert "Của lớp nào?" in page
    assert f'rel="next" href="{LIST}/{newer}"' in page
    assert (await colleague.send(f"{address}/notes", note="Lớp 3A")).status_code == SEE_OTHER
    assert "đồng nghiệp hỏi bạn" not in (await colleague.get("/console")).text


async def test_the_list_of_invoices_filters_by_how_far_money_got(
    console: ConsoleSession, engine: AsyncEngine, world: World
) -> None:
    first, second, _ = world.invoices
    await receive(engine, world, first.total_vnd, first.reference)
    found = await arrived(engine, world, second.total_vnd, "khong ro")
    done = await console.send(f"{LIST}/{found}/place/{second.id}", note="Mẹ gọi")
    assert done.status_code == SEE_OTHER
    for state, reference in (
        ("received_unconfirmed", first.reference),
        ("confirmed_by_hand", second.reference),
        ("confirmed_automatically", None),
    ):
        page = (await console.get(f"/console/invoices?money={state}")).text
        shown = [one.reference for one in world.invoices if one.reference in page]
        assert shown == ([reference] if reference else [])


def test_evidence_is_said_in_words() -> None:
    exact = {"seen": "HP7K2M9QX4TB", "days_apart": -1, "alternatives": []}
    assert vi_of(match_sentence("exact_reference", exact)) == (
        "Khớp theo mã tham chiếu HP7K2M9QX4TB, lệch 1 ngày, không có khoản nào khác phù hợp."
    )
    older = {"seen": "FT1", "days_apart": 0}
    assert in_both(match_sentence("bank_transaction_id", older)) == (
        "Khớp theo mã giao dịch của ngân hàng FT1, cùng ngày.",
        "Matched by the bank's transaction number FT1, the same day.",
    )
    several = in_both(match_sentence("same_content", {"alternatives": 2, "days_apart": 0}))
    assert several[0].endswith("còn 2 khoản khác cũng phù hợp.")
