"""Which nights are due, and their way into the queue: each school's at its own hour in Vietnam, missed ones too.

A night is due from its hour on until one that began after that hour is done. Whatever else happened (no
worker ran, a worker was killed, somebody ran the day by hand before it was over) it is queued, once. A day
whose books are closed has had its last night.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

from core.kit.clock import VN, business_date
from core.kit.database import Driver

QUEUE: Final = "nights"
TASK: Final = "night"
CATCH_UP_DAYS: Final = 31
"""How far back nights are made up for; money of earlier days is matched by any later night."""
TOGETHER: Final = 20_000
"""So many nights at most are queued by one statement: a month of a whole country's would outlast its time."""
SILENCE_S: Final = 60
"""A night that said nothing for so long has nobody who runs it."""


def night_due(at: datetime, night_hour: int) -> date:
    """The last business day whose night has begun at `at` (aware)."""
    day = business_date(at) - timedelta(days=1)
    return day if at.astimezone(VN).hour >= night_hour else day - timedelta(days=1)


# $1 the present, $2 the installation's hour, $3 how many at most, the oldest first. The same statement marks and queues: both or neither.
QUEUE_DUE = f"""
WITH latest AS (
    SELECT id AS school_id, coalesce(night_hour, $2) AS hour,
           (($1::timestamptz AT TIME ZONE 'Asia/Ho_Chi_Minh') - make_interval(hours => coalesce(night_hour, $2)))::date - 1 AS day,
           books_locked_until
      FROM school
), span AS (
    SELECT *, greatest(day - {CATCH_UP_DAYS - 1}, books_locked_until + 1, least(day, coalesce(
               (SELECT min(r.business_date) FROM night_run r WHERE r.school_id = l.school_id),
               least((SELECT min(s.posted_on) FROM statement_line s WHERE s.school_id = l.school_id),
                     (SELECT min(p.business_date) FROM payment p WHERE p.school_id = l.school_id)),
               day))) AS first
      FROM latest l
), night AS (
    SELECT school_id, due::date AS day, 'night:' || school_id || ':' || to_char(due, 'YYYY-MM-DD') AS name,
           (due + make_interval(days => 1, hours => hour)) AT TIME ZONE 'Asia/Ho_Chi_Minh' AS begins,
           (day + make_interval(days => 1, hours => hour)) AT TIME ZONE 'Asia/Ho_Chi_Minh' AS latest_begins
      FROM span, generate_series(first::timestamp, day::timestamp, interval '1 day') due
), due AS (
    SELECT n.school_id, n.day, n.name
      FROM night n
      LEFT JOIN night_run r ON r.school_id = n.school_id AND r.business_date = n.day
     WHERE CASE r.state
           WHEN 'done' THEN r.started_at < n.begins
           -- what failed to the end of its attempts is tried again with the school's next night
           WHEN 'failed' THEN r.finished_at < n.latest_begins
           -- by hand, just now
           WHEN 'running' THEN r.heartbeat_at < $1::timestamptz - interval '{SILENCE_S} s'
           ELSE true END
       AND NOT EXISTS (SELECT FROM procrastinate_jobs j
                        WHERE j.queueing_lock = n.name AND j.status IN ('todo', 'doing'))
     ORDER BY n.day, n.school_id LIMIT $3
), marked AS (
    INSERT INTO night_run (school_id, business_date, state, queued_at)
    SELECT school_id, day, 'queued', $1 FROM due
    ON CONFLICT (school_id, business_date) DO UPDATE
       SET state = 'queued', queued_at = excluded.queued_at, step = '', done = 0, total = 0, worker = '',
           attempts = 0, error_code = NULL
    RETURNING school_id, business_date
)
SELECT cardinality(procrastinate_defer_jobs_v1(array_agg(
           ROW('{QUEUE}', '{TASK}', 0, 'night:' || d.school_id, d.name,
               jsonb_build_object('school_id', d.school_id, 'day', to_char(d.day, 'YYYY-MM-DD')), NULL
              )::procrastinate_job_to_defer_v1 ORDER BY d.day, d.school_id)))
  FROM due d JOIN marked m ON m.school_id = d.school_id AND m.business_date = d.day
"""


async def queue_due(db: Driver, at: datetime, night_hour: int, at_most: int = TOGETHER) -> int:
    """Queue the nights that are due at `at` (aware) and not queued yet, `at_most` of them; how many that were.

    `night_hour` (Vietnam) is for schools that name none. Days of one school stand in their order. Any
    number of workers may call this at the same time: one does it, for the others it is done.
    """
    if not await db.raw.fetchval(
        "SELECT pg_try_advisory_xact_lock(hashtextextended('hocphi.nights.due', 0))"
    ):
        return 0
    return await db.raw.fetchval(QUEUE_DUE, at, night_hour, at_most) or 0


async def take_over(db: Driver, silence_s: float) -> int:
    """Queue again what workers held that have said nothing for `silence_s`; how many nights that were."""
    rows = await db.raw.fetch(
        """
        WITH orphan AS MATERIALIZED (
            SELECT j.id FROM procrastinate_jobs j
             WHERE j.queue_name = $1 AND j.status = 'doing'
               AND NOT EXISTS (SELECT FROM procrastinate_workers w
                                WHERE w.id = j.worker_id AND w.last_heartbeat >= now() - make_interval(secs => $2))
               FOR UPDATE OF j SKIP LOCKED
        )
        SELECT procrastinate_retry_job_v2(id, now(), NULL, NULL, NULL) FROM orphan
        """,
        QUEUE,
        silence_s,
    )
    return len(rows)
