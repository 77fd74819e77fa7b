"""What the console shows of nights that wait, run, failed or are done; who watches is sent the page again."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import DAY, make_world
from support.serving import gateway_client
from support.staff import ConsoleSession, hire

from core.kit.clock import now_utc
from core.kit.database import transaction

PAGE = f"/console/reconciliation?day={DAY.isoformat()}"


async def test_nights_are_shown_as_they_stand(engine: AsyncEngine, database_url: str) -> None:
    async with transaction(engine) as db:
        world = await make_world(db, [100_000])
        other = await make_world(db, [100_000], code="TH02")
        for school, night, state, step, error, told in (
            (world, 0, "running", "match", None, now_utc()),
            (world, 1, "failed", "", "night_under_way", now_utc()),
            (world, 2, "queued", "", None, None),
            (world, 3, "running", "prove", None, now_utc() - timedelta(minutes=9)),
            (other, 4, "failed", "", "secret_of_another", now_utc()),
        ):
            await db.raw.execute(
                "INSERT INTO reconciliation_run (school_id, business_date, state, step, done, total, worker, attempts,"
                " error_code, started_at, heartbeat_at, finished_at)"
                " VALUES ($1, $2, $3, $4, 450, 1000, 'host:7', 2, $5, $6, $6, now())",
                school.school_id,
                DAY - timedelta(night),
                state,
                step,
                error,
                told,
            )
    await hire(engine, world, "oanh")
    async with gateway_client(database_url) as client:
        console = ConsoleSession(client)
        await console.sign_in("oanh")
        seen = await console.get(PAGE)
        assert "refresh" not in seen.headers
        for words in (
            "Ghép dòng sao kê",
            '<progress aria-label="Ghép dòng sao kê" max="1000" value="450">',
            "night_under_way",
            "Đang chờ",
            "Bị gián đoạn",
        ):
            assert words in seen.text
        assert "secret_of_another" not in seen.text
        assert (await console.get(f"{PAGE}&watch=1")).headers["refresh"] == "3"

        async with transaction(engine) as db:
            await db.raw.execute(
                "UPDATE reconciliation_run SET state = 'done', result_hash = 'abcdef', finished_at = now()"
            )
        done = await console.get(f"{PAGE}&watch=1")
        assert "refresh" not in done.headers
        assert "abcdef" in done.text
