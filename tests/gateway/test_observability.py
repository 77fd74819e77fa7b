"""What the operator sees: health, metrics, logs with request ids and nothing private in them."""

from __future__ import annotations

import json

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import SECRETS, make_world
from support.sepay_messages import push
from support.serving import gateway_client, settings_for_tests

from core.kit.database import transaction
from gateway.settings import Settings


async def test_health_and_request_ids(database_url: str) -> None:
    async with gateway_client(database_url) as client:
        live = await client.get("/health/live")
        ready = await client.get("/health/ready")
    assert (live.status_code, live.json()) == (200, {"status": "live"})
    assert ready.status_code == 200
    assert ready.json()["status"] == "ready"
    assert live.headers["x-request-id"] != ready.headers["x-request-id"]


async def test_not_ready_without_the_database(database_url: str) -> None:
    async with gateway_client(database_url.replace("hocphi@/", "hocphi@/gone_")) as client:
        assert (await client.get("/health/live")).status_code == 200
        assert (await client.get("/health/ready")).status_code == 503


async def test_a_provider_is_asked_to_retry_while_the_database_is_away(database_url: str) -> None:
    async with gateway_client(database_url.replace("hocphi@/", "hocphi@/gone_")) as client:
        answer = await client.post("/ipn/sepay/anykey", json={})
    assert answer.status_code == 503


async def notices_counted(client: httpx.AsyncClient) -> dict[tuple[str, str], float]:
    families = text_string_to_metric_families((await client.get("/metrics")).text)
    return {
        (sample.labels["adapter"], sample.labels["verdict"]): sample.value
        for family in families
        for sample in family.samples
        if sample.name == "hocphi_notices_total" and sample.labels["duplicate"] == "False"
    }


async def test_metrics_count_notices_and_logs_keep_secrets_and_children_out(
    engine: AsyncEngine, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with transaction(engine) as db:
        world = await make_world(db, [500_000])
    invoice = world.invoices[0]
    loud: Settings = settings_for_tests().model_copy(update={"log_level": "DEBUG"})
    async with gateway_client(database_url, loud) as client:
        before = (await notices_counted(client)).get(("sepay", "recorded"), 0.0)
        good = push(world, 1, invoice.total_vnd, invoice.reference)
        await client.post(**good)
        await client.post(**push(world, 1, 499_999, invoice.reference))
        await client.post(**(good | {"content": good["content"].replace(b"hoc phi", b"hoc PHI")}))
        after = (await notices_counted(client))["sepay", "recorded"]
        page = await client.get(f"/pay/{invoice.token}")
    assert page.status_code == 200
    assert after - before == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if line]
    logged = [json.loads(line) for line in lines]
    events = {entry["event"] for entry in logged}
    assert {"ipn.refused", "ipn.conflicting_duplicate"} <= events
    assert all(entry["request_id"] for entry in logged if entry["event"].startswith("ipn."))
    text = "\n".join(lines)
    for private in (
        *SECRETS["sepay"].values(),
        invoice.token,
        invoice.reference,
        "Nguyễn Minh Anh",
        "500000",
        world.bank_number,
        world.merchants["sepay"][1],
    ):
        assert private not in text
