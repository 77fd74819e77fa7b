"""Staff of a test school at the console: signing in, sending forms with their token, money in suspense."""

from __future__ import annotations

import re
from dataclasses import dataclass

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import KEYS, World

from adapters.contract import Notice, Outcome
from core.identity.service import create_user
from core.kit.clock import now_utc
from core.kit.database import transaction
from core.merchants.directory import find_merchant
from core.payments.ingest.inbound import InboundNotice
from core.payments.ingest.ingest import ingest_notices

PASSWORD = "hoa sen no thang chin"
TOKEN = re.compile(r'name="_csrf_token" value="([0-9a-f]+)"')


async def hire(engine: AsyncEngine, world: World, username: str, role: str = "accountant") -> None:
    """A user of the world's school with PASSWORD."""
    async with transaction(engine) as db:
        await create_user(
            db,
            world.school_id,
            username=username,
            display_name="Lê Thị Oanh",
            password=PASSWORD,
            role=role,
        )


async def receive(engine: AsyncEngine, world: World, amount_vnd: int, content: str) -> int:
    """Money arrives by SePay now; the id of its payment."""
    async with transaction(engine) as db:
        merchant = await find_merchant(db, KEYS, "sepay", world.merchants["sepay"][1])
        assert merchant is not None
        count = await db.raw.fetchval("SELECT count(*) FROM notice")
        notice = Notice(
            transaction_id=f"T{count}",
            outcome=Outcome.PAID,
            amount_vnd=amount_vnd,
            paid_at=now_utc(),
            content=content,
            payee_account=world.bank_number,
            bank_transaction_id=f"FT{count}",
        )
        recorded = await ingest_notices(db, [InboundNotice(merchant, notice, b"{}")])
        return int(recorded.verdicts[0].record_id)


@dataclass
class ConsoleSession:
    """What a browser keeps at the console: cookies, and the form token of the last page that had one."""

    client: httpx.AsyncClient
    token: str = ""

    async def get(self, path: str) -> httpx.Response:
        """A page; its form token is remembered."""
        answer = await self.client.get(path)
        found = TOKEN.search(answer.text) if "html" in answer.headers["content-type"] else None
        self.token = found[1] if found else self.token
        return answer

    async def send(self, path: str, **fields: str) -> httpx.Response:
        """A form as the page would send it."""
        return await self.client.post(path, data={"_csrf_token": self.token, **fields})

    async def upload(self, kind: str, name: str, content: bytes, **fields: str) -> httpx.Response:
        """A file sent by the import screen."""
        await self.get("/console/imports")
        return await self.client.post(
            "/console/imports",
            data={"_csrf_token": self.token, "kind": kind, **fields},
            files={"file": (name, content)},
        )

    async def sign_in(
        self, username: str, password: str = PASSWORD, **fields: str
    ) -> httpx.Response:
        """The login form, filled in."""
        await self.get("/console/login")
        return await self.send("/console/login", username=username, password=password, **fields)
