"""A client of the API and what it sends."""

from __future__ import annotations

import io
import time
import zipfile
from dataclasses import dataclass
from typing import Any

import httpx
import xlsxwriter
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import SECRETS, World

from adapters.providers import sepay
from core.kit.database import transaction

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


LIST = (
    "Mã học sinh,Họ và tên,Ngày sinh,Lớp,Phụ huynh,Điện thoại\n"
    "A001,Nguyễn Minh An,05/09/2017,3A,Trần Thị Lan,0912345678\n"
    "A002,Lê Bảo Bình,06/10/2017,3B,,\n"
)


@dataclass
class ApiClient:
    """What a school's software holds, and two schools behind the api."""

    http: httpx.AsyncClient
    engine: AsyncEngine
    world: World
    other: World
    key: str

    async def get(self, path: str, **query: str | int) -> httpx.Response:
        """GET with the key."""
        return await self.http.get(f"/api/v1{path}", params=query, headers=self.headers())

    async def send(
        self,
        path: str,
        body: bytes,
        kind: str = "text/csv",
        **query: str,
    ) -> httpx.Response:
        """POST raw bytes with the key."""
        headers = {**self.headers(), "content-type": kind}
        return await self.http.post(f"/api/v1{path}", content=body, params=query, headers=headers)

    def headers(self) -> dict[str, str]:
        """The bearer key."""
        return {"authorization": f"Bearer {self.key}"}

    async def count(self, table: str) -> int:
        """Rows of a table in all."""
        async with transaction(self.engine) as db:
            found: int = await db.raw.fetchval(f"SELECT count(*) FROM {table}")
            return found


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem of an answer, whose form and status are checked."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    body: dict[str, Any] = answer.json()
    assert (body["status"], body["code"], body["type"]) == (
        status,
        code,
        f"urn:hocphi:problem:{code}",
    )
    assert body["title"]
    assert body["detail"]
    assert body["detail_en"]
    return body


def workbook(cells: list[list[str]]) -> bytes:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = book.add_worksheet()
    for y, row in enumerate(cells):
        for x, value in enumerate(row):
            (sheet.write_formula if value.startswith("=") else sheet.write_string)(y, x, value)
    book.close()
    return out.getvalue()


def zip_bomb() -> bytes:
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook([["Mã HS"]]))) as whole,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for name in whole.namelist():
            content = whole.read(name)
            bomb.writestr(name, b" " * 300_000_000 if name.endswith("sheet1.xml") else content)
    return out.getvalue()


async def pay_by_sepay(api: ApiClient, body: bytes) -> None:
    """A payment by the bank's push, signed."""
    stamp = str(int(time.time()))
    answer = await api.http.post(
        f"/ipn/sepay/{api.world.merchants['sepay'][1]}",
        content=body,
        headers={
            "content-type": "application/json",
            "x-sepay-timestamp": stamp,
            "x-sepay-signature": sepay.sign(SECRETS["sepay"]["hmac_secret"], stamp, body),
        },
    )
    assert answer.status_code == 200, answer.text
