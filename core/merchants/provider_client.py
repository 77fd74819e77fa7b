"""One call to a provider: what the adapter built goes out, what came back is handed over as it is.

No redirects, bounded time, bounded size. It retries nothing: whether a call may be repeated is known
to its caller alone. Nothing of a call is logged here, for it carries credentials.
"""

from __future__ import annotations

import asyncio
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx

from adapters.contract import Answer, OutgoingRequest

TIMEOUT_S: Final = 15.0
PATIENCE_S: Final = 30.0
"""A call and its whole answer; a provider that sends a byte now and then ends here."""
ANSWER_LIMIT: Final = 256 * 1024


class UnansweredError(Exception):
    """Nothing usable came back: what the provider did is unknown, never "failed"."""


def provider_client() -> httpx.AsyncClient:
    """The HTTP client of calls to providers; it keeps no cookies, for schools share it."""
    jar = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    return httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, cookies=jar)


async def send(
    http: httpx.AsyncClient, request: OutgoingRequest, *, limit: int = ANSWER_LIMIT
) -> Answer:
    """Make the call and read its answer, whatever its status, up to `limit` bytes.

    Raises UnansweredError: no connection, a timeout, a broken or an endless answer.
    """
    body = bytearray()
    headers = {"accept-encoding": "identity", **request.headers}
    try:
        async with (
            asyncio.timeout(PATIENCE_S),
            http.stream(
                request.method, request.url, headers=headers, content=request.body
            ) as answer,
        ):
            if answer.headers.get("content-encoding", "identity").lower() != "identity":
                raise UnansweredError("answer compressed")  # a few bytes may unfold to gigabytes
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > limit:
                    raise UnansweredError("answer too large")
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
        raise UnansweredError(type(error).__name__) from error
    declared = answer.headers.get("content-type", "")
    return Answer(
        status=answer.status_code,
        content_type=declared.partition(";")[0].strip().lower(),
        body=bytes(body),
    )
