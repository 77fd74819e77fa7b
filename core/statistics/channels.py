"""What each channel of a school does: its last message, its money, what it left open. Reads only.

A channel is a merchant account. Amounts are VND; days are business dates in Asia/Ho_Chi_Minh. Nothing
here opens a credential or shows what a payer wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from core.kit.clock import start_of_day
from core.kit.database import Driver, Query
from core.merchants.errors import UnknownChannelError

WINDOW_DAYS: Final = 30
CONFIRMED_WITHIN: Final = 2
"""Business days after which money whose amount nobody signed ought to be on a statement."""
HINTED_DAYS: Final = 180
"""How far back the daily hint looks for such money; the channels' own page shows all of it."""
MAX_STATUSES: Final = 50
REFERENCES_SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFigures:
    """One merchant account and its figures.

    last_at, last_vnd: the last message that reported money, None before the first. asked_*: checkouts
    whose end the provider is being asked. waiting_*: payments whose amount nobody signed and nothing
    has confirmed; waiting_since is the oldest one's business date. unmapped_count: messages with a
    state that the protocol does not define.
    """

    id: int
    adapter: str
    account_key: str
    settlement: str
    is_enabled: bool
    bin: str
    bank_number: str
    settings: Mapping[str, str]
    last_at: datetime | None
    last_vnd: int | None
    today_count: int
    today_vnd: int
    window_count: int
    window_vnd: int
    asked_count: int
    asked_since: datetime | None
    waiting_count: int
    waiting_vnd: int
    waiting_since: date | None
    unmapped_count: int


# `p` is a payment that no statement line and no other channel has confirmed. OFFSET 0 keeps these
# look-ups by payment: as joins they would read every match of the school.
UNCONFIRMED = """
p.is_provisional
AND NOT EXISTS (SELECT FROM match m
                 WHERE m.school_id = p.school_id AND m.payment_id = p.id OFFSET 0)
AND NOT EXISTS (SELECT FROM notice c
                 WHERE c.school_id = p.school_id AND c.confirms_payment_id = p.id AND NOT c.is_provisional OFFSET 0)
"""
# `n` is a notice with an undefined state: whether a later message has ended its order
ENDED_SINCE = """
(n.merchant_reference <> '' AND EXISTS (
   SELECT FROM notice o
    WHERE o.school_id = n.school_id AND o.merchant_account_id = n.merchant_account_id
      AND o.merchant_reference = n.merchant_reference AND o.merchant_reference <> ''
      AND o.outcome IN ('paid', 'failed') AND o.unmapped_status = ''))
"""
# money on an account that is not the school's has no bank account: the second half of `recent`
CHANNELS = Query(
    ChannelFigures,
    f"""
WITH recent AS (
  SELECT p.merchant_account_id, p.business_date, p.amount_vnd
    FROM bank_account b
    JOIN payment p ON p.school_id = b.school_id AND p.bank_account_id = b.id
   WHERE b.school_id = $1 AND p.business_date > $3
  UNION ALL
  SELECT p.merchant_account_id, p.business_date, p.amount_vnd
    FROM payment p
   WHERE p.school_id = $1 AND p.bank_account_id IS NULL AND p.business_date > $3
), figures AS (
  SELECT merchant_account_id, count(*) AS window_count, sum(amount_vnd)::bigint AS window_vnd,
         count(*) FILTER (WHERE business_date = $2) AS today_count,
         sum(amount_vnd) FILTER (WHERE business_date = $2)::bigint AS today_vnd
    FROM recent GROUP BY 1
), asked AS (
  SELECT merchant_account_id, count(*) AS asked_count, min(created_at) AS asked_since
    FROM checkout WHERE school_id = $1 AND next_ask_at IS NOT NULL GROUP BY 1
), waiting AS (
  SELECT p.merchant_account_id, count(*) AS waiting_count, sum(p.amount_vnd)::bigint AS waiting_vnd,
         min(p.business_date) AS waiting_since
    FROM payment p WHERE p.school_id = $1 AND {UNCONFIRMED} GROUP BY 1
), unmapped AS (
  SELECT merchant_account_id, count(*) AS unmapped_count
    FROM notice WHERE school_id = $1 AND unmapped_status <> '' GROUP BY 1
)
SELECT m.id, m.adapter, m.account_key, m.settlement, m.enabled AS is_enabled,
       b.bin, b.number AS bank_number, m.settings,
       l.created_at AS last_at, l.amount_vnd AS last_vnd,
       coalesce(today_count, 0) AS today_count, coalesce(today_vnd, 0) AS today_vnd,
       coalesce(window_count, 0) AS window_count, coalesce(window_vnd, 0) AS window_vnd,
       coalesce(asked_count, 0) AS asked_count, asked_since,
       coalesce(waiting_count, 0) AS waiting_count, coalesce(waiting_vnd, 0) AS waiting_vnd,
       waiting_since, coalesce(unmapped_count, 0) AS unmapped_count
  FROM merchant_account m
  JOIN bank_account b ON b.school_id = m.school_id AND b.id = m.bank_account_id
  LEFT JOIN figures ON figures.merchant_account_id = m.id
  LEFT JOIN asked ON asked.merchant_account_id = m.id
  LEFT JOIN waiting ON waiting.merchant_account_id = m.id
  LEFT JOIN unmapped ON unmapped.merchant_account_id = m.id
  LEFT JOIN LATERAL (SELECT n.created_at, n.amount_vnd FROM notice n
                      WHERE n.school_id = m.school_id AND n.merchant_account_id = m.id
                        AND n.outcome = 'paid'
                      ORDER BY n.id DESC LIMIT 1) l ON true
 WHERE m.school_id = $1
 ORDER BY m.enabled DESC, m.adapter = 'statement', m.id
""",  # noqa: S608 - composed of constants of the tree
)


async def channels_of(db: Driver, school_id: int, today: date) -> list[ChannelFigures]:
    """Every channel of the school as of business date `today`: those in use first, statements last."""
    return await db.fetch(CHANNELS, school_id, today, today - timedelta(days=WINDOW_DAYS))


async def find_channel(db: Driver, school_id: int, channel_id: int, today: date) -> ChannelFigures:
    """One channel. Raises UnknownChannelError for another school's."""
    for channel in await channels_of(db, school_id, today):
        if channel.id == channel_id:
            return channel
    raise UnknownChannelError


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmappedStatus:
    """A status that the provider's protocol does not define, and how often a channel received it.

    open_count: messages whose order has not ended otherwise since. references: of the last of those,
    as the provider was given them.
    """

    channel_id: int
    adapter: str
    status: str
    count: int
    open_count: int
    last_at: datetime
    references: tuple[str, ...]


UNMAPPED_STATUSES = Query(
    UnmappedStatus,
    f"""
SELECT u.merchant_account_id AS channel_id, m.adapter, u.status, count(*) AS count,
       count(*) FILTER (WHERE NOT u.has_ended) AS open_count, max(u.created_at) AS last_at,
       coalesce(array_agg(DISTINCT u.merchant_reference ORDER BY u.merchant_reference DESC)
          FILTER (WHERE NOT u.has_ended AND u.merchant_reference <> '' AND u.place <= $2), '{{}}') AS "references"
  FROM (SELECT s.*, row_number() OVER (PARTITION BY merchant_account_id, status, has_ended
                                           ORDER BY id DESC) AS place
          FROM (SELECT n.id, n.merchant_account_id, n.unmapped_status AS status, n.created_at,
                       n.merchant_reference, {ENDED_SINCE} AS has_ended
                  FROM notice n WHERE n.school_id = $1 AND n.unmapped_status <> '') s) u
  JOIN merchant_account m ON m.school_id = $1 AND m.id = u.merchant_account_id
 GROUP BY 1, 2, 3 ORDER BY open_count DESC, last_at DESC LIMIT $3
""",  # noqa: S608 - composed of constants of the tree
)


async def unmapped_statuses(db: Driver, school_id: int) -> list[UnmappedStatus]:
    """The undefined statuses by channel, those with open orders first; at most `MAX_STATUSES`."""
    return await db.fetch(UNMAPPED_STATUSES, school_id, REFERENCES_SHOWN, MAX_STATUSES)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelNotice:
    """A message as a channel's page shows it: never what the payer wrote.

    reference: what the provider was given, else our reference that was read from the text.
    invoice_id: of the checkout that the reference belongs to.
    """

    received_at: datetime
    outcome: str
    verdict: str
    amount_vnd: int
    reference: str
    unmapped_status: str
    is_confirmation: bool
    invoice_id: int | None


LAST_NOTICES = Query(
    ChannelNotice,
    """
SELECT n.created_at AS received_at, n.outcome, n.verdict, n.amount_vnd,
       coalesce(nullif(n.merchant_reference, ''), p.reference, '') AS reference, n.unmapped_status,
       n.confirms_payment_id IS NOT NULL AS is_confirmation, k.invoice_id
  FROM (SELECT * FROM notice WHERE school_id = $1 AND merchant_account_id = $2
         ORDER BY id DESC LIMIT $3) n
  LEFT JOIN payment p ON p.school_id = n.school_id AND p.id = coalesce(n.confirms_payment_id, n.id)
  LEFT JOIN checkout k ON k.school_id = n.school_id AND k.merchant_account_id = n.merchant_account_id
                      AND k.merchant_reference = n.merchant_reference
 ORDER BY n.id DESC
""",
)


async def last_notices(
    db: Driver, school_id: int, channel_id: int, limit: int = 50
) -> list[ChannelNotice]:
    """The last messages of a channel, newest first."""
    return await db.fetch(LAST_NOTICES, school_id, channel_id, limit)


@dataclass(frozen=True, slots=True)
class SwitchedOff:
    """Who turned a channel off, when and why."""

    actor: str
    acted_at: datetime
    reason: str


LAST_SWITCHED_OFF = Query(
    SwitchedOff,
    """
SELECT actor, acted_at, detail->>'reason' AS reason FROM audit_entry
 WHERE school_id = $1 AND subject = $2 AND action = 'channel.disabled'
 ORDER BY id DESC LIMIT 1
""",
)


async def switched_off(db: Driver, school_id: int, channel_id: int) -> SwitchedOff | None:
    """The last entry of the audit chain by which a channel was turned off; None if none was."""
    return await db.fetch_one(LAST_SWITCHED_OFF, school_id, f"merchant_account:{channel_id}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """What of the channels a person should see today. Amount in VND."""

    unmapped_count: int
    overdue_count: int
    overdue_vnd: int


ATTENTION = Query(
    Attention,
    f"""
SELECT (SELECT count(*) FROM notice n WHERE n.school_id = $1 AND n.unmapped_status <> ''
           AND n.created_at >= $2 AND NOT {ENDED_SINCE}) AS unmapped_count,
       count(*) AS overdue_count, coalesce(sum(p.amount_vnd), 0)::bigint AS overdue_vnd
  FROM payment p
 WHERE p.school_id = $1 AND p.business_date >= $3 AND p.business_date < $4 AND {UNCONFIRMED}
""",  # noqa: S608 - composed of constants of the tree
)


async def attention_of(db: Driver, school_id: int, today: date) -> Attention:
    """Open undefined states of `WINDOW_DAYS` days, and overdue unconfirmed money of `HINTED_DAYS`."""
    return await db.fetch_only(
        ATTENTION,
        school_id,
        start_of_day(today - timedelta(days=WINDOW_DAYS)),
        today - timedelta(days=HINTED_DAYS),
        overdue_before(today),
    )


def overdue_before(today: date) -> date:
    """Money of a business date before this one is older than `CONFIRMED_WITHIN` business days.

    Monday to Friday; holidays are not known here, so that after one the hint comes a little early.
    """
    day, left = today, CONFIRMED_WITHIN
    while left:
        day -= timedelta(days=1)
        left -= day.weekday() < 5
    return day
