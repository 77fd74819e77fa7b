"""A statement with debits, seen in the console."""

from __future__ import annotations

import re

from support.staff import ConsoleSession

SEE_OTHER = 303


async def listed(console: ConsoleSession) -> list[str]:
    """The exceptions of the list, the oldest first."""
    page = await console.get("/console/debits")
    assert page.status_code == 200, page.text
    return re.findall(r'name="line" value="(\d+)"', page.text)
