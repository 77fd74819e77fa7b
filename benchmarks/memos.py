"""Memos as banks deliver them: how many find their invoice by themselves, and that none finds a wrong one.

A school of 1,200 with three open invoices each and a standing reference for every pupil; a seeded
generator mangles memos as banks, apps and parents do; each goes through the finder and the rules that
the gateway itself uses. Beside it, in the same run over the same memos: what integrators usually do.
`python -m benchmarks memos`
"""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from core.kit.reference import ALPHABET, LENGTH, find_references, make_references
from core.payments.ingest.allocate import (
    InboundMoney,
    InvoiceTarget,
    OpenInvoice,
    StudentTarget,
    Target,
    allocate,
)

SEED: Final = 20_260_905
PUPILS: Final = 1_200
MEMOS: Final = 60_000
ACCOUNT_ID: Final = 1
KEY: Final = b"a key of the memo benchmark only"
PRICES: Final = (155_000, 320_000, 480_000, 640_000, 1_250_000)
"""A whole class pays the same: amounts never tell pupils apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memo:
    """A transfer. `owners`: the pupils whose money it is, none where nobody could tell from the text.

    readable: what its text carries is within what references promise; `kind` says what was done to it.
    """

    kind: str
    content: str
    amount_vnd: int
    owners: frozenset[int]
    invoices: frozenset[int]
    readable: bool


@dataclass(frozen=True, slots=True)
class School:
    """What the gateway would find behind each reference, and the invoices by pupil."""

    targets: Mapping[str, Target]
    invoices: tuple[tuple[OpenInvoice, ...], ...]
    pupil_references: tuple[str, ...]
    elsewhere: tuple[str, ...]


def make_school() -> School:
    """Every pupil owes three invoices, due a month apart; `elsewhere` are references of other schools."""
    chance = random.Random(SEED)
    codes = make_references(range(5 * PUPILS), KEY)
    invoices = tuple(
        tuple(
            OpenInvoice(
                invoice_id=pupil * 3 + n + 1,
                reference=codes[pupil * 4 + n],
                student_id=pupil,
                bank_account_id=ACCOUNT_ID,
                total_vnd=(price := chance.choice(PRICES)),
                open_vnd=price,
                due_on=date(2026, 9, 5) + timedelta(days=30 * n),
                is_cancelled=False,
            )
            for n in range(3)
        )
        for pupil in range(PUPILS)
    )
    pupil_references = tuple(codes[pupil * 4 + 3] for pupil in range(PUPILS))
    targets: dict[str, Target] = {
        one.reference: InvoiceTarget(one) for owed in invoices for one in owed
    }
    targets |= {
        reference: StudentTarget(pupil, invoices[pupil])
        for pupil, reference in enumerate(pupil_references)
    }
    return School(targets, invoices, pupil_references, tuple(codes[4 * PUPILS :]))


# -- what banks and parents write ------------------------------------------------------------------

NAMES: Final = (
    *("NGUYEN THANH PHUONG", "TRAN HAI PHONG", "LE HP ANH", "PHAM THI HONG PHUC", "HOANG PHI HUNG"),
    *("Đỗ Ánh Nguyệt", "Hoàng Phương Thảo", "VO MINH AN", "BUI HP", "CHUPHUONG"),
)
WORDS: Final = (
    *("nop hoc phi", "HP thang 9", "Đóng tiền ăn", "HOC PHI LOP 3A2", "ck", "tien hoc cho con", ""),
    *("hp t09 2026", "Me Tom nop tien hoc", "NOP TIEN HOC THANG 09 2026", "hoc phi HK1 2026-2027"),
)


def _digits(chance: random.Random, count: int) -> str:
    return "".join(chance.choices("0123456789", k=count))


def _trace(chance: random.Random, count: int) -> str:
    return "".join(chance.choices("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=count))


def _envelope(chance: random.Random, memo: str) -> str:
    """The memo as one of the banks or wallets hands it on (shapes: tests/vectors/transfer_contents.json)."""

    def d(count: int) -> str:
        return _digits(chance, count)

    name, other = chance.sample(NAMES, 2)
    shape = chance.randrange(12)
    return (
        lambda: f"MBVCB.{d(11)}.{d(6)}.{memo}.CT tu {d(13)} {name} toi {d(13)} {other} tai MB",
        lambda: (
            f"MBVCB.{d(10)}.{memo}.CT tu {d(13)} {name} toi {d(10)} {other}- Ma GD ACSP/ {_trace(chance, 2).lower()}{d(6)} {d(10)}"
        ),
        lambda: f"IBFT {memo} Ma giao dich Trace{d(6)} Trace {d(6)} NG CHUYEN:{name} {d(10)}",
        lambda: (
            f"TKThe :{d(13)}, tai BFTVVNVX. MBVCB.{d(11)}.{d(6)}.{memo}.CT tu {d(13)} {name} tai BIDV -B2B{d(27)}DBuh{d(6)}"
        ),
        lambda: f"CT DEN:{d(3)}T{_trace(chance, 12)} {memo}",
        lambda: f"{memo} GD {d(6)}-{chance.randint(10, 28)}0926 15:45:46",
        lambda: f"FT26{d(3)}{d(9)} {name} {memo}",
        lambda: f"{(wallet := d(12))}-{memo}-CHUYEN TIEN-OQCH{_trace(chance, 8)}-MOMO{wallet}MOMO",
        lambda: f"ZP{d(15)} {memo} ZALOPAY {d(12)}",
        lambda: f"{d(6)}.{chance.randint(10, 28)}0926.{d(6)}.{memo}",
        lambda: f"{name} 0{d(9)} {memo} {chance.choice(WORDS)}",
        lambda: memo,
    )[shape]()


def _wrapped(chance: random.Random, content: str) -> str:
    """A bank's fixed width: a space wherever a line of it ended, in the middle of words and codes."""
    width = chance.randint(18, 40)
    return " ".join(content[at : at + width] for at in range(0, len(content), width))


def _spaced(chance: random.Random, code: str) -> str:
    """Marks put into a code: groups of four, dots, dashes, or a break anywhere."""
    marks = chance.choice([" ", ".", "-", "/", "_", "  "])
    cuts = sorted(chance.sample(range(1, len(code)), chance.randint(1, 3)))
    return marks.join(code[a:b] for a, b in zip([0, *cuts], [*cuts, len(code)], strict=True))


def _cased(chance: random.Random, text: str) -> str:
    return chance.choice([str.lower, str.title, str.swapcase])(text)


_LOOKS: Final = {"0": "Oo", "1": "IiLl", "V": "Uu"}


def _alike(chance: random.Random, code: str) -> str:
    return "".join(chance.choice(_LOOKS.get(symbol, symbol)) for symbol in code)


def _wrong(chance: random.Random, code: str, count: int) -> str:
    """`count` symbols of the ten replaced by others."""
    symbols = list(code)
    for at in chance.sample(range(2, LENGTH), count):
        symbols[at] = chance.choice([s for s in ALPHABET if s != symbols[at]])
    return "".join(symbols)


def _glued(chance: random.Random, code: str) -> str:
    before = chance.choice(["QR", "HOCPHI", "THANHPHUONG", "MA", "lop3A", "HP", _digits(chance, 6)])
    after = chance.choice(["", "NGUYENVANAN", "20260905", "x", "HP", _digits(chance, 10)])
    return f"{before}{code}{after}"


def _in_words(chance: random.Random, code: str) -> str:
    name, said = chance.choice(NAMES), chance.choice(WORDS)
    return chance.choice(
        [f"{said} {code}", f"{code} {name}", f"{name} {said} {code} 0{_digits(chance, 9)}"]
    )


def _chatter(chance: random.Random) -> str:
    """A memo without any reference of ours: the names, numbers and near misses of a school's account."""
    number = _digits(chance, 10)
    return chance.choice(
        [
            f"{chance.choice(NAMES)} {chance.choice(WORDS)}",
            f"HP 09{number[:8]} {chance.choice(NAMES)}",
            f"HP{number}",
            f"THANH PHUONG{number}{number[:4]}",
            f"HP{chance.randint(10, 99)}0001 hoc phi",
            f"nop HP thang {chance.randint(1, 12):02}/2026 lop {chance.randint(1, 5)}A HS{number[:4]}",
            f"HP{_trace(chance, 10)}",
            f"DH{number} SEPAY{number}",
            f"0960{number[:6]}-20260905",
        ]
    )


# kind -> (weight, readable): the last four are damaged beyond what the check promises to undo
KINDS: Final[Mapping[str, tuple[int, bool]]] = {
    "as printed": (20, True),
    "in free text": (10, True),
    "wrapped at a width": (10, True),
    "marks inside the code": (8, True),
    "case changed": (6, True),
    "glued to words and digits": (8, True),
    "look-alike letters": (6, True),
    "one wrong symbol": (6, True),
    "wrapped, cased, alike": (5, True),
    "amount differs": (3, True),
    "standing reference": (8, True),
    "standing and invoice": (3, True),
    "two or three invoices": (5, True),
    "three, one mistyped": (2, True),
    "no reference": (12, True),
    "another school's": (2, True),
    "two wrong symbols": (2, False),
    "a symbol lost": (2, False),
    "a symbol added": (2, False),
    "mistyped, amount differs": (2, False),
}
WITHOUT: Final = frozenset({"no reference", "another school's"})


def make_memos(school: School, count: int = MEMOS, seed: int = SEED) -> Iterator[Memo]:
    """`count` transfers, the same for the same seed."""
    chance = random.Random(seed)
    names = [kind for kind, (weight, _) in KINDS.items() for _ in range(weight)]
    for _ in range(count):
        yield _memo(chance, school, chance.choice(names))


def _memo(chance: random.Random, school: School, kind: str) -> Memo:
    owed = school.invoices[chance.randrange(PUPILS)]
    one = chance.choice(owed)
    code, amount_vnd, owners, may = one.reference, one.open_vnd, {one.student_id}, {one.invoice_id}
    wide = False
    match kind:
        case "in free text":
            code = _in_words(chance, code)
        case "wrapped at a width":
            code, wide = _in_words(chance, code), True
        case "marks inside the code":
            code = _spaced(chance, code)
        case "case changed":
            code = _cased(chance, code)
        case "glued to words and digits":
            code = _glued(chance, code)
        case "look-alike letters":
            code = _alike(chance, code)
        case "one wrong symbol":
            code = _wrong(chance, code, 1)
        case "wrapped, cased, alike":
            code, wide = _cased(chance, _alike(chance, code)), True
        case "amount differs":
            amount_vnd += chance.choice([-5_000, 10_000, 100_000])
        case "standing reference" | "standing and invoice":
            code = school.pupil_references[one.student_id]
            if kind == "standing and invoice":
                code = f"{code} {one.reference}"
            amount_vnd = chance.choice([one.open_vnd, sum(each.open_vnd for each in owed)])
            may = {each.invoice_id for each in owed}
        case "two or three invoices" | "three, one mistyped":
            mistyped = kind == "three, one mistyped"
            several = [
                chance.choice(school.invoices[pupil])
                for pupil in chance.sample(range(PUPILS), 3 if mistyped else chance.randint(2, 3))
            ]
            codes = [each.reference for each in several]
            if mistyped:
                codes[1] = _wrong(chance, codes[1], 1)
            code = chance.choice([" ", "", ", ", " va "]).join(codes)
            amount_vnd = sum(each.open_vnd for each in several)
            owners, may = {i.student_id for i in several}, {i.invoice_id for i in several}
        case "no reference":
            code, owners, may = _chatter(chance), set(), set()
        case "another school's":
            code, owners, may = _in_words(chance, chance.choice(school.elsewhere)), set(), set()
        case "two wrong symbols":
            code = _wrong(chance, code, 2)
        case "a symbol lost":
            at = chance.randrange(2, LENGTH)
            code = code[:at] + code[at + 1 :]
        case "a symbol added":
            at = chance.randrange(3, LENGTH)
            code = code[:at] + chance.choice(ALPHABET) + code[at:]
        case "mistyped, amount differs":
            code, amount_vnd = _wrong(chance, code, 1), amount_vnd + 10_000
    content = _envelope(chance, code)
    return Memo(
        kind=kind,
        content=_wrapped(chance, content) if wide else content,
        amount_vnd=amount_vnd,
        owners=frozenset(owners),
        invoices=frozenset(may),
        readable=KINDS[kind][1] and kind not in WITHOUT,
    )


# -- deciding --------------------------------------------------------------------------------------

PLACED, LEFT, WRONG = "placed", "left", "wrong"
Decide = Callable[[School, Memo], str]


def decide(school: School, memo: Memo) -> str:
    """The gateway's own finder and rules: placed with its owner, left to a person, or wrong."""
    found = find_references(memo.content)
    allocation = allocate(
        InboundMoney(
            amount_vnd=memo.amount_vnd,
            bank_account_id=ACCOUNT_ID,
            exact=tuple(f.reference for f in found if not f.corrected),
            corrected=tuple(f.reference for f in found if f.corrected),
        ),
        school.targets,
    )
    if allocation.suspense_vnd == memo.amount_vnd:
        return LEFT
    to_others = any(
        part.invoice_id not in memo.invoices or part.student_id not in memo.owners
        for part in allocation.lines
    )
    credits_another = allocation.credit_vnd > 0 and allocation.student_id not in memo.owners
    return WRONG if to_others or credits_another else PLACED


def by_token(school: School, memo: Memo) -> str:
    """As a published server does it: dots and dashes to spaces, the word with the prefix, cut to length,
    a short one glued to the next word."""
    words = memo.content.replace(".", " ").replace("-", " ").split(" ")
    for at, word in enumerate(words):
        if "HP" in word:
            code = word if len(word) >= LENGTH else word + "".join(words[at + 1 : at + 2])
            return _by_code(school, memo, code[:LENGTH])
    return LEFT


_PATTERN: Final = re.compile(r"HP[0-9A-Z]{10}")


def by_regex(school: School, memo: Memo) -> str:
    """A pattern over the text as it came, upper case."""
    found = _PATTERN.search(memo.content.upper())
    return _by_code(school, memo, found[0]) if found else LEFT


def by_regex_compact(school: School, memo: Memo) -> str:
    """As a shop system's bank import does it: blanks and dashes out, then every match of the pattern."""
    text = re.sub(r"[\s\-_.]", "", memo.content.upper())
    known = [code for code in _PATTERN.findall(text) if code in school.targets]
    return _by_code(school, memo, known[0]) if known else LEFT


def _by_code(school: School, memo: Memo, code: str) -> str:
    """Whatever the code names receives the money, as those tools do."""
    target = school.targets.get(code)
    if target is None:
        return LEFT
    owner = target.student_id if isinstance(target, StudentTarget) else target.invoice.student_id
    whole = len(memo.owners) == 1  # all the money of several families on one of them is wrong
    return PLACED if whole and owner in memo.owners else WRONG


WAYS: Final[Mapping[str, Decide]] = {
    "hocphi": decide,
    "token and glue": by_token,
    "plain pattern": by_regex,
    "pattern without blanks": by_regex_compact,
}


def tally(school: School, memos: Sequence[Memo], way: Decide) -> dict[str, Counter[str]]:
    """By kind of memo: how many were placed, left, wrong."""
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for memo in memos:
        counts[memo.kind][way(school, memo)] += 1
    return counts


def readable_share(counts: Mapping[str, Counter[str]]) -> float:
    """Placed of the memos that carry a readable reference."""
    kinds = [kind for kind, (_, readable) in KINDS.items() if readable and kind not in WITHOUT]
    placed = sum(counts[kind][PLACED] for kind in kinds)
    return placed / sum(counts[kind].total() for kind in kinds)


def wrong_count(counts: Mapping[str, Counter[str]]) -> int:
    """Memos of any kind whose money went to somebody else."""
    return sum(count[WRONG] for count in counts.values())


def table_of(counts: Mapping[str, Counter[str]]) -> str:
    """The counts as lines of text, damaged beyond promise last."""
    lines = [f"{'memo':28}{'placed':>8}{'left':>8}{'wrong':>8}"]
    lines += [
        f"{kind:28}{count[PLACED]:8}{count[LEFT]:8}{count[WRONG]:8}"
        + ("" if KINDS[kind][1] else "  (beyond what the check undoes)")
        for kind, count in counts.items()
    ]
    return "\n".join(lines)


def run() -> dict[str, Any]:
    """Decide every memo in every way; the ratio is our share placed over the best of the others'."""
    school = make_school()
    memos = list(make_memos(school))
    figures: dict[str, Any] = {"memos": len(memos)}
    shares: dict[str, float] = {}
    for name, way in WAYS.items():
        began = time.perf_counter()
        counts = tally(school, memos, way)
        spent_s = time.perf_counter() - began
        shares[name] = readable_share(counts)
        figures[name] = {
            "placed_percent": round(100 * shares[name], 3),
            "wrong": wrong_count(counts),
            "us_per_memo": round(1e6 * spent_s / len(memos), 1),
        }
        if name == "hocphi":
            print(table_of(counts))
    best = max(share for name, share in shares.items() if name != "hocphi")
    figures["ratio"] = round(shares["hocphi"] / best, 2)
    return figures
