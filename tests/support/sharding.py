"""What a PostgreSQL that shards its tables by `school_id` refuses, as far as a statement's text shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set

# functions whose value depends on the moment or the session; a shard may not compute them for others
MOMENTARY = re.compile(
    r"\b(?:(?:now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday|nextval|currval"
    r"|setval|lastval|random|gen_random_uuid|txid_current|pg_backend_pid)\s*\("
    r"|current_date\b|current_time\b|current_timestamp\b|localtime\b|localtimestamp\b)"
)
# functions that PostgreSQL calls STABLE although they look like plain arithmetic
STABLE = re.compile(
    r"\b(?:jsonb?_build_object|jsonb?_build_array|to_jsonb?|row_to_json|array_to_json|to_char|to_date"
    r"|to_timestamp|concat|concat_ws|format|array_to_string|age)\s*\("
)
_COMMENT = re.compile(r"--[^\n]*")
_TEXT = re.compile(r"'(?:[^']|'')*'")
_WRITES = re.compile(r"\b(?:insert into|update|delete from)\b")
_INSERT = re.compile(r"\binsert into \"?(\w+)\"?")
_TARGET = re.compile(r"\bon conflict (?:\(([^()]*)\)|on constraint (\w+))")
_ONE_SCHOOL = re.compile(r"\bschool_id = \$\d")


def complaints(text: str, tenant_tables: Set[str]) -> list[str]:
    """What a sharded server refuses of this statement; empty where nothing is seen."""
    plain = _plain(text)
    return [
        *_returning(plain),
        *_do_update(plain),
        *_values(plain),
        *_conditional(plain),
        *_skip_locked(plain, tenant_tables),
        *_conflict_targets(plain, tenant_tables),
    ]


def _plain(text: str) -> str:
    """The text in small letters and single spaces, without comments and what stands in quotes."""
    return " ".join(_TEXT.sub("''", _COMMENT.sub(" ", text)).lower().split())


def _clause(plain: str, at: int, *stops: str) -> str:
    """What follows `at` on the same level, up to one of the words or the closing parenthesis."""
    stop = re.compile(rf"\b(?:{'|'.join(stops)})\b") if stops else None
    depth = 0
    for place in range(at, len(plain)):
        depth += (plain[place] == "(") - (plain[place] == ")")
        if depth < 0 or (depth == 0 and stop and stop.match(plain, place)):
            return plain[at:place]
    return plain[at:]


def _clauses(plain: str, opening: str, *stops: str) -> Iterator[str]:
    for found in re.finditer(rf"\b{opening}", plain):
        yield _clause(plain, found.end(), *stops)


def _cases(plain: str) -> Iterator[str]:
    """What stands between each CASE and its END."""
    begun: list[int] = []
    for found in re.finditer(r"\b(?:case|end)\b", plain):
        if found[0] == "case":
            begun.append(found.end())
        elif begun:
            yield plain[begun.pop() : found.start()]


def _returning(plain: str) -> Iterator[str]:
    for clause in _clauses(plain, r"returning\b"):
        if found := MOMENTARY.search(clause):
            yield f"{found[0].rstrip('( ')} in RETURNING: take it before, by a SELECT"


def _do_update(plain: str) -> Iterator[str]:
    for clause in _clauses(plain, r"do update set\b", "where", "returning"):
        if found := MOMENTARY.search(clause) or STABLE.search(clause):
            yield f"{found[0].rstrip('( ')} in DO UPDATE SET: bind the value, or use excluded"


def _values(plain: str) -> Iterator[str]:
    for found in _INSERT.finditer(plain):
        clause = _clause(plain, found.end(), "returning", "on conflict", "select", "with")
        if " values " in f"{clause} " and re.search(r"\(\s*select\b", clause.split("values", 1)[1]):
            yield f"a subquery in INSERT INTO {found[1]} … VALUES: select it before"


def _conditional(plain: str) -> Iterator[str]:
    if not _WRITES.search(plain):
        return
    clauses = [("COALESCE", clause) for clause in _clauses(plain, r"coalesce\s?\(")]
    clauses += [("CASE", clause) for clause in _cases(plain)]
    for name, clause in clauses:
        if found := MOMENTARY.search(clause):
            yield f"{found[0].rstrip('( ')} in {name} of a statement that writes: bind the value"


def _skip_locked(plain: str, tenant_tables: Set[str]) -> Iterator[str]:
    if tenant_tables.isdisjoint(re.findall(r"\w+", plain)):
        return  # the queue's own tables are in one database
    if "skip locked" in plain and not _ONE_SCHOOL.search(plain.replace("=$", "= $")):
        yield "SKIP LOCKED over all schools: lock within one school (school_id = $n)"


def _conflict_targets(plain: str, tenant_tables: Set[str]) -> Iterator[str]:
    inserts = list(_INSERT.finditer(plain))
    for found in _TARGET.finditer(plain):
        before = [one for one in inserts if one.end() <= found.start()]
        if not before or before[-1][1] not in tenant_tables:
            continue
        columns = re.findall(r"\w+", found[1] or "")
        if "school_id" not in columns:
            yield f"ON CONFLICT on {before[-1][1]} without school_id in its target"
