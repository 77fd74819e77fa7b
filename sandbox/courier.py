"""Bringing a message to the service as a provider does: again and again until it is taken.

The provider's own schedule of retries, in compressed time, and the mishaps of the road: a copy,
a delay, a loss, an altered byte. It sends; it never decides what the service should have answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx


@dataclass(frozen=True, slots=True, kw_only=True)
class Mishap:
    """What goes wrong on the way of one message. The default is nothing.

    copies: sent this many times more, at the same moment; delay_s: sent later, so that others
    overtake it; is_lost: never sent; is_tampered: altered after signing, on its first attempt.
    """

    copies: int = 0
    delay_s: float = 0.0
    is_lost: bool = False
    is_tampered: bool = False


NO_MISHAP = Mishap()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service said to one attempt, and whether the provider stops on it."""

    status: int  # 0: no answer came
    body: bytes
    is_final: bool


Attempt = Callable[[bool], Awaitable[Answer]]
"""Make, sign and send the message once; True: altered on the way."""


async def deliver(
    attempt: Attempt, delays_s: tuple[float, ...], mishap: Mishap, compression: float
) -> list[Answer]:
    """Every answer to a message and its copies. `delays_s` are the waits between a provider's tries.

    One second of a schedule takes 1/`compression` seconds. Empty when the message was lost.
    """
    if mishap.is_lost:
        return []
    await asyncio.sleep(mishap.delay_s)
    rounds = [_insist(attempt, delays_s, compression, is_tampered=mishap.is_tampered)]
    rounds += [_insist(attempt, delays_s, compression) for _ in range(mishap.copies)]
    return [answer for answers in await asyncio.gather(*rounds) for answer in answers]


async def _insist(
    attempt: Attempt,
    delays_s: tuple[float, ...],
    compression: float,
    *,
    is_tampered: bool = False,
) -> list[Answer]:
    answers = [await _try(attempt, is_tampered=is_tampered)]
    for delay_s in delays_s:
        if answers[-1].is_final:
            break
        await asyncio.sleep(delay_s / compression)
        answers.append(await _try(attempt, is_tampered=False))
    return answers


async def _try(attempt: Attempt, *, is_tampered: bool) -> Answer:
    try:
        return await attempt(is_tampered)
    except httpx.TransportError:
        return Answer(0, b"", is_final=False)


def wire_client(connections: int = 16) -> httpx.AsyncClient:
    """An HTTP client as a provider's: few connections, 30 s of patience, no proxy of ours."""
    return httpx.AsyncClient(
        limits=httpx.Limits(max_connections=connections),
        timeout=httpx.Timeout(30.0, pool=None),
        trust_env=False,
    )
