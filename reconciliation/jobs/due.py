"""Which days are due for reconciliation, and their way into the queue: each school's at its own hour in Vietnam.

A day is due from the hour after it until a run that began after that hour is done. Whatever else happened
(no worker ran, a worker was killed, somebody ran the day by hand before it was over), it is queued, once.
A day whose books are closed must never be queued.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from core.kit.database import Driver, Query

QUEUE: Final = "reconciliations"
TASK: Final = "reconcile"
CATCH_UP_DAYS: Final = 31
"""How far back missed days are made up for; money of earlier days is matched by any later run."""
MAX_QUEUED: Final = 20_000
"""Days that one statement queues at most: a month of a whole country's schools would outlast its time-out."""
HEARTBEAT_TIMEOUT_S: Final = 60
"""A run without a heartbeat for so long is taken for abandoned."""


# One worker queues at a time; the others find it done.
LOCK_QUEUEING = Query(
    bool, "SELECT pg_try_advisory_xact_lock(hashtextextended('hocphi.reconciliations.due', 0))"
)

# $1 the present, $2 the installation's hour, $3 how many at most, the oldest first. The same statement
# marks and queues: both or neither.
QUEUE_DUE = Query(
    int,
    f"""
WITH latest AS (
    SELECT id AS school_id, coalesce(reconciliation_hour, $2) AS hour,
           (($1::timestamptz AT TIME ZONE 'Asia/Ho_Chi_Minh')
            - make_interval(hours => coalesce(reconciliation_hour, $2)))::date - 1 AS day,
           books_locked_until
      FROM school
), span AS (
    SELECT *, greatest(day - {CATCH_UP_DAYS - 1}, books_locked_until + 1, least(day, coalesce(
               (SELECT min(r.business_date) FROM reconciliation_run r WHERE r.school_id = l.school_id),
               least((SELECT min(s.posted_on) FROM statement_line s WHERE s.school_id = l.school_id),
                     (SELECT min(p.business_date) FROM payment p WHERE p.school_id = l.school_id)),
               day))) AS first
      FROM latest l
), run AS (
    SELECT school_id, due::date AS day,
           'reconciliation:' || school_id || ':' || to_char(due, 'YYYY-MM-DD') AS name,
           (due + make_interval(days => 1, hours => hour)) AT TIME ZONE 'Asia/Ho_Chi_Minh' AS begins,
           (day + make_interval(days => 1, hours => hour)) AT TIME ZONE 'Asia/Ho_Chi_Minh' AS latest_begins
      FROM span, generate_series(first::timestamp, day::timestamp, interval '1 day') due
), due AS (
    SELECT n.school_id, n.day, n.name
      FROM run n
      LEFT JOIN reconciliation_run r ON r.school_id = n.school_id AND r.business_date = n.day
     WHERE CASE r.state
           WHEN 'done' THEN r.started_at < n.begins
           -- what failed to the end of its attempts is tried again with the school's next run
           WHEN 'failed' THEN r.finished_at < n.latest_begins
           -- by hand, just now
           WHEN 'running' THEN r.heartbeat_at < $1::timestamptz - interval '{HEARTBEAT_TIMEOUT_S} s'
           ELSE true END
       AND NOT EXISTS (SELECT FROM procrastinate_jobs j
                        WHERE j.queueing_lock = n.name AND j.status IN ('todo', 'doing'))
     ORDER BY n.day, n.school_id LIMIT $3
), marked AS (
    INSERT INTO reconciliation_run (school_id, business_date, state, queued_at)
    SELECT school_id, day, 'queued', $1 FROM due
    ON CONFLICT (school_id, business_date) DO UPDATE
       SET state = 'queued', queued_at = excluded.queued_at, step = '', done = 0, total = 0, worker = '',
           attempts = 0, error_code = NULL
    RETURNING school_id, business_date
)
SELECT cardinality(procrastinate_defer_jobs_v1(array_agg(
           ROW('{QUEUE}', '{TASK}', 0, 'reconciliation:' || d.school_id, d.name,
               jsonb_build_object('school_id', d.school_id, 'day', to_char(d.day, 'YYYY-MM-DD')), NULL
              )::procrastinate_job_to_defer_v1 ORDER BY d.day, d.school_id))) AS queued
  FROM due d JOIN marked m ON m.school_id = d.school_id AND m.business_date = d.day
""",  # noqa: S608 - composed of constants
)

# `procrastinate_jobs` is local to one database: skipping its locked rows holds nobody up elsewhere.
TAKE_OVER = Query(
    int,
    """
WITH orphan AS MATERIALIZED (
    SELECT j.id FROM procrastinate_jobs j
     WHERE j.queue_name = $1 AND j.status = 'doing'
       AND NOT EXISTS (SELECT FROM procrastinate_workers w
                        WHERE w.id = j.worker_id AND w.last_heartbeat >= now() - make_interval(secs => $2))
       FOR UPDATE OF j SKIP LOCKED
)
SELECT o.id FROM orphan o CROSS JOIN LATERAL procrastinate_retry_job_v2(o.id, now(), NULL, NULL, NULL) AS retried
""",
)


async def queue_due(
    db: Driver, at: datetime, reconciliation_hour: int, at_most: int = MAX_QUEUED
) -> int:
    """Queue the days that are due at `at` (aware) and not queued yet, `at_most` of them; how many that were.

    `reconciliation_hour` (Vietnam) is for schools that name none. Days of one school are queued in their
    order. Any number of workers may call this at the same time: one does it, the others queue nothing.
    """
    if not await db.fetch_only(LOCK_QUEUEING):
        return 0
    return await db.fetch_value(QUEUE_DUE, at, reconciliation_hour, at_most) or 0


async def take_over(db: Driver, heartbeat_timeout_s: float) -> int:
    """Queue again the jobs of workers without a heartbeat for `heartbeat_timeout_s`; how many jobs that were."""
    return len(await db.fetch(TAKE_OVER, QUEUE, heartbeat_timeout_s))
