"""The sure pairs of the ladder, found by the database for all lines at once.

Nearly every line shares the bank's number or a reference with one payment and no other: such a pair is
what the ladder would find whatever else there is, so it is written without ever leaving the database. What
has a rival is left to the rules. It must never pair where they would pair otherwise, or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from core.kit.database import Command, Driver, Query
from core.kit.reference import LENGTH, find_references
from reconciliation.matching.ladder import BANK_ID_SHIFTS, REFERENCE_SHIFTS, Rule

READ_TOGETHER = 10_000

OPEN_LINES = """
  FROM statement_line s
  LEFT JOIN match m ON m.school_id = s.school_id AND m.statement_line_id = s.id
  LEFT JOIN line_journal j ON j.school_id = s.school_id AND j.statement_line_id = s.id
 WHERE s.school_id = $1 AND s.posted_on <= $2 AND s.credit_vnd > 0 AND m.payment_id IS NULL
   AND j.journal_id IS NULL
   -- money that a provider pays out waits for its settlement file, unless a person decided that it is none
   AND NOT EXISTS (SELECT FROM exception e
                    WHERE e.school_id = s.school_id AND e.reason = 'batch_total_mismatch'
                      AND e.statement_line_id = s.id AND e.resolution IS DISTINCT FROM 'no_settlement')
"""

# money at a bank of the school that no line has confirmed yet
OPEN_PAYMENTS = """
  FROM payment p
  LEFT JOIN match m ON m.school_id = p.school_id AND m.payment_id = p.id
 WHERE p.school_id = $1 AND p.business_date BETWEEN $2 AND $3 AND p.bank_account_id IS NOT NULL
   AND m.payment_id IS NULL
"""


def compact_sql(column: str) -> str:
    """`core.kit.text.compact` as an SQL expression; a test holds the two together."""
    bare = (
        f"regexp_replace(normalize(normalize({column}, NFKC), NFD), '[\\u0300-\\u036f]', '', 'g')"
    )
    upper = f"upper(replace(translate(normalize({bare}, NFC), 'đĐðÐı', 'dDdDI'), 'ß', 'SS') COLLATE \"C\")"
    return (
        f"CASE WHEN {column} ~ '^[0-9A-Z]*$' THEN {column}"
        f" ELSE regexp_replace({upper}, '[^0-9A-Z]', '', 'g') END"
    )


DROP_TABLES = Command("DROP TABLE IF EXISTS pg_temp.open_line, pg_temp.open_payment")

MAKE_LINES = Command(
    f"""
CREATE TEMP TABLE open_line ON COMMIT DROP AS
SELECT s.id, s.bank_account_id, s.posted_on AS day, s.credit_vnd AS amount_vnd,
       {compact_sql("s.bank_transaction_id")} COLLATE "C" AS bank_key,
       CASE WHEN NOT s.is_corrected THEN string_to_array(s.reference, ' ') END AS exact
{OPEN_LINES}"""
)
MAKE_PAYMENTS = Command(
    f"""
CREATE TEMP TABLE open_payment ON COMMIT DROP AS
SELECT p.id, p.bank_account_id, p.business_date AS day, p.amount_vnd,
       {compact_sql("p.bank_transaction_id")} COLLATE "C" AS bank_key,
       CASE WHEN NOT p.is_corrected AND length(p.reference) = {LENGTH} THEN ARRAY[p.reference] END AS exact,
       length(p.reference) IS DISTINCT FROM {LENGTH} AS is_unread
{OPEN_PAYMENTS}"""  # noqa: S608 - composed of constants
)
# temporary tables have no statistics of their own: the joins would be planned for a handful of rows
ANALYZE_TABLES = Command("ANALYZE open_line, open_payment")
FIRST_DAY = Query(date, "SELECT min(day) AS first_day FROM open_line")

# One pass over both sides: a key that one line and one payment show, and nobody else. A join of two counted
# sides would be planned for a handful of rows.
_PAIR = """
INSERT INTO match (school_id, statement_line_id, payment_id, rule, evidence)
SELECT $1, line_id, payment_id, '{rule}',
       jsonb_build_object('seen', key, 'days_apart', paid_on - posted_on, 'alternatives', 0)
  FROM (SELECT key, min(id) FILTER (WHERE is_line) AS line_id, min(id) FILTER (WHERE NOT is_line) AS payment_id,
               min(day) FILTER (WHERE is_line) AS posted_on, min(day) FILTER (WHERE NOT is_line) AS paid_on
          FROM shown GROUP BY bank_account_id, amount_vnd, key
        HAVING count(*) = 2 AND count(*) FILTER (WHERE is_line) = 1 AND bool_and(is_free)) AS pair
 WHERE abs(paid_on - posted_on) <= {days}
 ORDER BY line_id
"""

_NAMED = """
SELECT {is_line} AS is_line, id, day, bank_account_id, amount_vnd, bank_key AS key, true AS is_free
  FROM {table} WHERE bank_key <> ''
"""
PAIR_BANK_IDS = Command(
    f"""
WITH shown AS ({_NAMED.format(is_line=True, table="open_line")} UNION ALL
               {_NAMED.format(is_line=False, table="open_payment")})
{_PAIR.format(rule=Rule.BANK_TRANSACTION_ID, days=max(BANK_ID_SHIFTS))}
"""
)

# `is_free`: nothing but this one reference, and no rival by the bank's number, can decide its match
_CODED = """
SELECT {is_line} AS is_line, o.id, o.day, o.bank_account_id, o.amount_vnd, code AS key,
       cardinality(o.exact) = 1 AND g.bank_key IS NULL AS is_free
  FROM {table} o CROSS JOIN LATERAL unnest(o.exact) AS t(code)
  LEFT JOIN tangled g USING (bank_account_id, amount_vnd, bank_key)
"""
PAIR_REFERENCES = Command(
    f"""
WITH tangled AS (
  SELECT DISTINCT bank_account_id, amount_vnd, bank_key
    FROM open_line l JOIN open_payment p USING (bank_account_id, amount_vnd, bank_key) WHERE bank_key <> ''
), shown AS ({_CODED.format(is_line=True, table="open_line")} UNION ALL
             {_CODED.format(is_line=False, table="open_payment")})
{_PAIR.format(rule=Rule.EXACT_REFERENCE, days=max(REFERENCE_SHIFTS))}
"""  # noqa: S608 - composed of constants
)

TAKE_LINES = Command(
    "DELETE FROM open_line o USING match m WHERE m.school_id = $1 AND m.statement_line_id = o.id"
)
TAKE_PAYMENTS = Command(
    "DELETE FROM open_payment o USING match m WHERE m.school_id = $1 AND m.payment_id = o.id"
)


@dataclass(frozen=True, slots=True)
class UnreadPayment:
    """A payment whose references are not known yet, and the text that may carry some."""

    id: int
    text: str


UNREAD_PAYMENTS = Query(
    UnreadPayment,
    """
SELECT o.id, coalesce(nullif(p.reference, ''), p.content) AS text
  FROM open_payment o JOIN payment p ON p.school_id = $1 AND p.id = o.id
 WHERE o.is_unread AND NOT p.is_corrected
""",
)
SET_REFERENCES = Command("""
UPDATE open_payment SET exact = string_to_array(r.codes, ' ')
  FROM unnest($1::bigint[], $2::text[]) AS r(id, codes) WHERE open_payment.id = r.id
""")


async def gather(db: Driver, school_id: int, day: date) -> int:
    """Collect the open credit lines up to business date `day`, and the payments they may be; how many lines.

    Makes the temporary tables `open_line` and `open_payment` of the caller's transaction.
    """
    await db.execute(DROP_TABLES)
    lines = await db.execute(MAKE_LINES, school_id, day)
    first = await db.fetch_value(FIRST_DAY) or day
    reach = timedelta(max(BANK_ID_SHIFTS))
    await db.execute(MAKE_PAYMENTS, school_id, first - reach, day + reach)
    await db.execute(ANALYZE_TABLES)
    return lines


async def pair_exactly(db: Driver, school_id: int) -> int:
    """Write the matches that have no rival, and take both sides off the tables; how many matches."""
    by_id = await db.execute(PAIR_BANK_IDS, school_id)
    await _take_matched(db, school_id, by_id)
    await _read_payments(db, school_id)
    by_reference = await db.execute(PAIR_REFERENCES, school_id)
    await _take_matched(db, school_id, by_reference)
    return by_id + by_reference


async def _take_matched(db: Driver, school_id: int, matched: int) -> None:
    """Take what is matched by now off the tables; `matched`: how many new matches there are."""
    if not matched:
        return
    lines = await db.execute(TAKE_LINES, school_id)
    payments = await db.execute(TAKE_PAYMENTS, school_id)
    assert lines == payments == matched, "each new match has one open line and one open payment"
    await db.execute(ANALYZE_TABLES)


async def _read_payments(db: Driver, school_id: int) -> None:
    """What texts carry of payments that no reference allocated: read here, for it may be a rival."""
    async for payments in db.batches(UNREAD_PAYMENTS, school_id, size=READ_TOGETHER):
        found = [
            (payment.id, codes)
            for payment in payments
            if (
                codes := " ".join(
                    f.reference for f in find_references(payment.text) if not f.corrected
                )
            )
        ]
        await db.execute(
            SET_REFERENCES, [number for number, _ in found], [codes for _, codes in found]
        )
