"""How much of a charge concessions take off, and who bears it. Pure.

Of the State's concessions for one charge only the highest counts (NĐ 238/2025/NĐ-CP, Điều 19: who
falls under several schemes gets the highest); the school's own follow, the highest first, up to 100 %
in all. Half a đồng is rounded up, of the sum so far, so that the parts add up to the đồng. Issuing computes
the same in SQL (`core.invoices.charges`); a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.fees.items import FeeLine
from core.fees.scopes import SchoolClass, lines_of_class

SCHOOL, STATE = "school", "state"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A concession that a pupil has in a month. `item_code` None: of all tuition."""

    id: int
    student_code: str
    item_code: str | None
    percent: int
    borne_by: str

    def is_of(self, line: FeeLine) -> bool:
        """Whether it takes something off this line."""
        return self.item_code == line.item_code or (
            self.item_code is None and line.nature == "tuition"
        )


@dataclass(frozen=True, slots=True)
class Relief:
    """What a schedule's full price is lowered by, in VND, and bills of which nothing is left to ask."""

    by_school_vnd: int = 0
    by_state_vnd: int = 0
    free_bills: int = 0


def shares(full_vnd: int, grants: Sequence[Grant]) -> dict[int, int]:
    """What each concession (by id) takes off a charge of `full_vnd`, in VND; together at most all of it."""
    ranked = sorted(grants, key=lambda one: (one.borne_by != STATE, -one.percent, one.id))
    states = [one for one in ranked if one.borne_by == STATE]
    found: dict[int, int] = {}
    upto = taken_vnd = 0
    for one in (*states[:1], *ranked[len(states) :]):
        upto = min(100, upto + one.percent)
        until_vnd = (full_vnd * upto + 50) // 100
        found[one.id] = until_vnd - taken_vnd
        taken_vnd = until_vnd
    return found


def relief(
    lines: Sequence[FeeLine],
    registered: Mapping[str, frozenset[str]],
    classes: Mapping[str, SchoolClass],
    class_of: Mapping[str, str],
    grants: Sequence[Grant],
) -> Relief:
    """What issuing these lines would concede. `registered`: student code -> optional items;
    `class_of`: student code -> class, of the pupils with a grant.
    """
    by_student: dict[str, list[Grant]] = {}
    for grant in grants:
        by_student.setdefault(grant.student_code, []).append(grant)
    sums = {SCHOOL: 0, STATE: 0}
    free_bills = 0
    for code, own in by_student.items():
        found = classes.get(class_of.get(code, ""))
        if found is None:
            continue
        left: dict[str, int] = {}
        for line in lines_of_class(lines, found.name, found.grade).values():
            if line.is_optional and line.item_code not in registered.get(code, frozenset()):
                continue
            taken = shares(line.amount_vnd, [one for one in own if one.is_of(line)])
            for one in own:
                sums[one.borne_by] += taken.get(one.id, 0)
            left[line.account] = left.get(line.account, 0) + line.amount_vnd - sum(taken.values())
        free_bills += sum(not asked_vnd for asked_vnd in left.values())
    return Relief(sums[SCHOOL], sums[STATE], free_bills)
