# ruff: noqa: INP001 - a script beside the files that it makes
"""Makes the `.xlsx` files beside it: an invented primary school, as a school's own files look.

Everybody in them is invented; phones are in no operator's range, personal ids carry a province code
that does not exist, account numbers have a length that no Vietnamese bank uses. A fixed seed gives
the same bytes each time: `python examples/make_examples.py` must leave the committed files unchanged.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import xlsxwriter

SEED = 2026
SCHOOL_YEAR = "2026-2027"
VCB_ACCOUNT = "00002026000117"
MB_ACCOUNT = "00002026000225"
VIETINBANK_ACCOUNT = "00002026000333"
HERE = Path(__file__).parent

Value = str | int | date | None

SURNAMES = (
    *("Nguyễn",) * 38, *("Trần",) * 12, *("Lê",) * 10, *("Phạm",) * 7, *("Hoàng",) * 5,
    *("Phan",) * 4, *("Vũ",) * 4, *("Đặng",) * 3, *("Bùi",) * 3, *("Đỗ",) * 3, *("Ngô",) * 2,
    "Hồ", "Dương", "Lý", "Đinh", "Trịnh", "Mai", "Tô", "Quách", "Lương",
)  # fmt: skip
GIRLS = (
    "Minh Anh", "Ngọc Anh", "Bảo Châu", "Linh Chi", "Khánh Chi", "Thùy Dương", "Hương Giang",
    "Thu Hà", "Gia Hân", "Bảo Hân", "Ngọc Hân", "Minh Hằng", "Khánh Huyền", "An Khuê", "Diệu Linh",
    "Khánh Linh", "Phương Linh", "Ngọc Mai", "Trà My", "Hà My", "Kim Ngân", "Bảo Ngọc", "Ánh Ngọc",
    "Thảo Nguyên", "Yến Nhi", "Tuệ Nhi", "An Nhiên", "Quỳnh Như", "Thanh Phương", "Minh Phương",
    "Diễm Quỳnh", "Tú Quyên", "Phương Thảo", "Anh Thư", "Minh Thư", "Bảo Trâm", "Quỳnh Trang",
    "Thanh Trúc", "Cát Tường", "Tú Uyên", "Khánh Vân", "Tường Vy", "Hải Yến",
)  # fmt: skip
BOYS = (
    "Bình An", "Thiên An", "Đức Anh", "Tuấn Anh", "Việt Anh", "Gia Bảo", "Quốc Bảo", "Thái Bảo",
    "Minh Châu", "Mạnh Cường", "Tiến Dũng", "Hải Đăng", "Thành Đạt", "Minh Đức", "Trung Đức",
    "Gia Hưng", "Quang Huy", "Gia Huy", "Nhật Hào", "Đăng Khoa", "Minh Khôi", "Anh Khôi",
    "Minh Khang", "Bảo Khánh", "Trung Kiên", "Tuấn Kiệt", "Hoàng Lâm", "Thiên Long", "Bảo Long",
    "Đức Minh", "Nhật Minh", "Quang Minh", "Hải Nam", "Bảo Nam", "Thành Nhân", "Thiện Nhân",
    "Gia Phúc", "Hoàng Phúc", "Minh Quân", "Anh Quân", "Nhật Quang", "Thanh Sơn", "Đức Thịnh",
    "Anh Tú", "Minh Triết", "Quốc Trung", "Thế Vinh", "Tuấn Vũ",
)  # fmt: skip
MOTHERS = (
    "Thị Hạnh", "Thị Hương", "Thị Lan", "Thu Hằng", "Thị Mai", "Thúy Nga", "Thị Ngọc", "Bích Ngọc",
    "Thị Nhung", "Kim Oanh", "Thị Phượng", "Hồng Thắm", "Thị Thanh", "Phương Thúy", "Thị Tuyết",
    "Hải Vân", "Thị Xuân", "Thị Yến",
)  # fmt: skip
FATHERS = (
    "Văn Cường", "Quốc Dũng", "Văn Hải", "Minh Hiếu", "Văn Hùng", "Quang Hưng", "Văn Khánh",
    "Đức Long", "Văn Nam", "Hữu Phước", "Văn Quang", "Ngọc Sơn", "Văn Thắng", "Đình Toàn",
    "Anh Tuấn", "Văn Việt",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Pupil:
    """One line of the roster."""

    code: str
    personal_id: str
    full_name: str
    born: date
    is_girl: bool
    class_name: str
    guardian: str
    phone: str
    email: str


@dataclass(frozen=True, slots=True)
class Fee:
    """One line of the fee table; `price` as the accountant typed it."""

    code: str
    name: str
    nature: str
    unit: str
    price: str | int
    quantity: int
    account: str
    is_optional: bool
    scope: str
    basis: str
    months: int | None = None


SERVICES = "Điều 3 khoản 4 NĐ 238/2025/NĐ-CP"
FEES = (
    Fee("BT-CS", "Chăm sóc bán trú", "Dịch vụ", "tháng", "235.000", 1, VCB_ACCOUNT, False, "Toàn trường", SERVICES),
    Fee("BT-AN", "Tiền ăn bán trú", "Dịch vụ", "ngày", 35_000, 20, VCB_ACCOUNT, False, "Toàn trường", SERVICES),
    Fee("BT-TB", "Trang thiết bị bán trú", "Dịch vụ", "năm", "133.000 đ", 1, VCB_ACCOUNT, False, "Khối 1", SERVICES),
    Fee("NUOC", "Nước uống", "Dịch vụ", "tháng", 16_000, 1, VCB_ACCOUNT, False, "Toàn trường", SERVICES),
    Fee("TA-NK", "Ngoại khoá tiếng Anh", "Dịch vụ", "tháng", "180.000", 1, VCB_ACCOUNT, True, "Toàn trường", SERVICES),
    Fee("KNS", "Giáo dục kỹ năng sống", "Dịch vụ", "giờ", 15_000, 8, VCB_ACCOUNT, True, "Khối 2-5", SERVICES),
    Fee("BHYT", "Bảo hiểm y tế học sinh (phần gia đình đóng)", "Thu hộ", "năm", "631.800", 1, MB_ACCOUNT, False, "Khối 1", "Luật Bảo hiểm y tế"),
    Fee("SLL", "Sổ liên lạc điện tử, từ tháng 11 đến hết học kỳ I", "Dịch vụ", "học kỳ", 50_000, 1, VCB_ACCOUNT, False, "Toàn trường", SERVICES, 3),
)  # fmt: skip


def make_pupils(rng: random.Random) -> list[Pupil]:
    """About 600 pupils in 20 classes, 1A to 5D."""
    pupils: list[Pupil] = []
    names: set[str] = set()
    for grade in range(1, 6):
        for letter in "ABCD":
            of_class: list[Pupil] = []
            for _ in range(rng.randint(29, 32)):
                number = len(pupils) + len(of_class) + 1
                of_class.append(_pupil(rng, grade, f"{grade}{letter}", number, names))
            pupils += of_class
    return pupils


def _pupil(rng: random.Random, grade: int, class_name: str, number: int, names: set[str]) -> Pupil:
    is_girl = rng.random() < 0.48
    while True:
        surname = rng.choice(SURNAMES)
        full_name = f"{surname} {rng.choice(GIRLS if is_girl else BOYS)}"
        if full_name not in names or rng.random() < 0.03:  # namesakes exist in every school
            break
    names.add(full_name)
    year = 2021 - grade  # six years old in the first grade of 2026-2027
    born = date(year, 1, 1) + timedelta(days=rng.randrange(365))
    mother = rng.random() < 0.7
    guardian = (
        f"{rng.choice(SURNAMES)} {rng.choice(MOTHERS)}"
        if mother
        else f"{surname} {rng.choice(FATHERS)}"
    )
    return Pupil(
        code=f"{year % 100 + 6:02d}01{number:04d}",
        personal_id=f"099{3 if is_girl else 2}{year % 100:02d}{number * 9_973 % 10**6:06d}",
        full_name=full_name,
        born=born,
        is_girl=is_girl,
        class_name=class_name,
        guardian=guardian,
        phone=f"0710{number * 7_919 % 10**6:06d}",
        email=f"ph{number:04d}@example.vn" if rng.random() < 0.8 else "",
    )


def roster_rows(pupils: Sequence[Pupil], rng: random.Random) -> list[list[Value]]:
    """Rows as they come from three teachers' keyboards: each fills in cells in another form."""
    rows: list[list[Value]] = []
    before = ""
    for number, pupil in enumerate(pupils, start=1):
        if before and pupil.class_name[0] != before[0]:
            rows.append([])  # a blank row between grades
        before = pupil.class_name
        rows.append(
            [
                number,
                int(pupil.code) if rng.random() < 0.3 else pupil.code,
                pupil.full_name if rng.random() > 0.05 else f"  {pupil.full_name} ",
                _birthday(pupil.born, rng),
                "Nữ" if pupil.is_girl else "Nam",
                pupil.class_name if rng.random() > 0.1 else f"Lớp {pupil.class_name.lower()}",
                int(pupil.personal_id) if rng.random() < 0.1 else pupil.personal_id,
                pupil.guardian,
                _phone(pupil.phone, rng),
                pupil.email,
            ]
        )
    return rows


def _birthday(born: date, rng: random.Random) -> Value:
    choice = rng.random()
    if choice < 0.6:
        return born
    return f"{born:%d/%m/%Y}" if choice < 0.9 else f"{born.day}-{born.month}-{born.year}"


def _phone(phone: str, rng: random.Random) -> Value:
    choice = rng.random()
    if choice < 0.2:
        return int(phone)  # Excel ate the leading zero
    if choice < 0.4:
        return f"{phone[:4]} {phone[4:7]} {phone[7:]}"
    return f"+84{phone[1:]}" if choice < 0.45 else phone


def write_roster(pupils: Sequence[Pupil], rng: random.Random) -> None:
    """`roster.xlsx`."""
    titles: list[list[Value]] = [
        ["ỦY BAN NHÂN DÂN PHƯỜNG HOA SEN"],
        ["TRƯỜNG TIỂU HỌC HOA SEN"],
        [],
        [None, None, f"DANH SÁCH HỌC SINH NĂM HỌC {SCHOOL_YEAR}"],
        [],
        [
            "STT", "Mã học sinh", "Họ và tên", "Ngày sinh", "Giới tính", "Lớp",
            "Số định danh\ncá nhân", "Họ tên phụ huynh", "Điện thoại\nphụ huynh", "Email",
        ],
    ]  # fmt: skip
    rows = roster_rows(pupils, rng)
    footer: list[list[Value]] = [[], ["Người lập biểu"]]
    _write("roster.xlsx", {"Danh sách": [*titles, *rows, *footer]}, [6, 12, 26, 12, 9, 9, 16, 24])


def write_fees(pupils: Sequence[Pupil], rng: random.Random) -> None:
    """`fees.xlsx`: the items of November 2026 and who registered for the optional ones."""
    titles: list[list[Value]] = [
        ["TRƯỜNG TIỂU HỌC HOA SEN"],
        [f"Năm học {SCHOOL_YEAR}"],
        [None, "CÁC KHOẢN THU THÁNG 11 NĂM 2026"],
        ["Hạn nộp:", date(2026, 11, 30)],
        [],
        [
            "STT", "Mã khoản thu", "Tên khoản thu", "Tính chất", "Đơn vị tính", "Đơn giá (đồng)",
            "Số lượng", "Thành tiền", "Tài khoản nhận", "Tự nguyện", "Áp dụng cho", "Căn cứ", "Số tháng",
        ],
    ]  # fmt: skip
    rows: list[list[Value]] = [
        [
            number, fee.code, fee.name, fee.nature, fee.unit, fee.price, fee.quantity,
            _vnd(fee.price) * fee.quantity, fee.account, "Có" if fee.is_optional else "Không",
            fee.scope, fee.basis, fee.months,
        ]
        for number, fee in enumerate(FEES, start=1)
    ]  # fmt: skip
    asked: list[list[Value]] = [
        ["HỌC SINH ĐĂNG KÝ CÁC KHOẢN TỰ NGUYỆN"],
        [],
        ["STT", "Mã học sinh", "Họ và tên", "Lớp", "Mã khoản thu"],
    ]
    for pupil in pupils:
        items = ["TA-NK"] if rng.random() < 0.55 else []
        items += ["KNS"] if pupil.class_name[0] != "1" and rng.random() < 0.4 else []
        if items:
            asked.append(
                [len(asked) - 2, pupil.code, pupil.full_name, pupil.class_name, ", ".join(items)]
            )
    _write(
        "fees.xlsx",
        {"Khoản thu": [*titles, *rows], "Đăng ký": asked},
        [10, 14, 40, 10, 11, 14, 9, 12, 18, 10, 14, 34, 9],
    )


def write_concessions(pupils: Sequence[Pupil]) -> None:
    """`concessions.xlsx`: who need not pay all of it, by whose decision, from when until when."""
    first, until = date(2026, 9, 1), date(2027, 5, 31)
    meals = [
        "BT-AN",
        "50%",
        "Nhà nước",
        "1204/QĐ-UBND",
        "Nghị quyết của HĐND thành phố về hỗ trợ bữa ăn",
    ]
    insurance = ["BHYT", "100%", "Nhà nước", "1187/QĐ-UBND", "Luật Bảo hiểm y tế"]
    care = ["BT-CS", 0.5, "Trường", "36/QĐ-THHS", "Quy chế thu chi nội bộ"]
    book = ["SLL", "100%", "Trường", "37/QĐ-THHS", "Quy chế thu chi nội bộ"]
    granted = [
        *((number, meals) for number in (50, 120, 200, 333)),
        *((number, insurance) for number in (3, 77)),
        *((number, care) for number in (50, 301)),
        *((number, book) for number in (120, 402, 509)),
    ]
    rows: list[list[Value | float]] = [
        [place, pupils[number].code, pupils[number].full_name, pupils[number].class_name, *what, first, until]
        for place, (number, what) in enumerate(granted, start=1)
    ]  # fmt: skip
    titles: list[list[Value | float]] = [
        ["TRƯỜNG TIỂU HỌC HOA SEN"],
        [f"DANH SÁCH HỌC SINH ĐƯỢC MIỄN, GIẢM, HỖ TRỢ NĂM HỌC {SCHOOL_YEAR}"],
        [],
        [
            "STT", "Mã học sinh", "Họ và tên", "Lớp", "Mã khoản thu", "Tỷ lệ", "Nguồn",
            "Số quyết định", "Căn cứ", "Từ ngày", "Đến ngày",
        ],
    ]  # fmt: skip
    footer: list[list[Value | float]] = [[], [*[None] * 7, "Hiệu trưởng"]]
    _write(
        "concessions.xlsx",
        {"Miễn giảm": [*titles, *rows, *footer]},
        [6, 12, 26, 8, 14, 8, 12, 16, 40, 12, 12],
    )


def write_service() -> None:
    """`service.xlsx`: admission to the first grade, a service of the national portal, paid by the file."""
    titles: list[list[Value]] = [
        ["TRƯỜNG TIỂU HỌC HOA SEN"],
        [f"Năm học {SCHOOL_YEAR}"],
        ["Tên dịch vụ:", "Đăng ký dự tuyển bổ sung đầu cấp"],
        ["Tháng thu", "11/2026"],
        ["Hạn nộp:", date(2026, 11, 30)],
        [],
        [
            "STT", "Mã khoản thu", "Tên khoản thu", "Tính chất", "Đơn vị tính", "Đơn giá (đồng)",
            "Số lượng", "Tài khoản nhận", "Tự nguyện", "Áp dụng cho", "Mã TTHC", "Tên TTHC", "Mã DVC",
            "Tên DVC",
        ],
    ]  # fmt: skip
    # invented codes: the ministry's own begin with the number of its list of procedures
    procedure = ["9.900001", "Đăng ký dự tuyển đầu cấp", "9.900001.01", "Nộp phí dự tuyển đầu cấp"]
    rows: list[list[Value]] = [
        [1, "NV", "Phí xét nguyện vọng", "Dịch vụ", "nguyện vọng", 20_000, 1, VIETINBANK_ACCOUNT, "Không", "Hồ sơ", *procedure],
        [2, "BS", "Bản sao học bạ", "Dịch vụ", "bản", "5.000", 1, VIETINBANK_ACCOUNT, "Có", "Hồ sơ", *procedure],
    ]  # fmt: skip
    _write("service.xlsx", {"Dịch vụ": [*titles, *rows]}, [12, 14, 24, 10, 13, 14, 9, 18, 10, 12])


def write_applications(rng: random.Random) -> None:
    """`applications.xlsx`: who applied for that service, with an amount per wish."""
    header = ["STT", "Mã hồ sơ", "Họ và tên", "NV", "BS", "Ghi chú"]
    rows: list[list[Value]] = [
        [
            number,
            f"G22.99.01-2611{rng.randint(2, 20):02d}-{number:04d}",
            f"{rng.choice(SURNAMES)} {rng.choice(GIRLS if rng.random() < 0.5 else BOYS)}",
            rng.randint(1, 5),
            rng.choice([None, None, 1, 2]),
            rng.choice([None, None, "nộp tại trường"]),
        ]
        for number in range(1, 25)
    ]
    title: list[list[Value]] = [["DANH SÁCH HỒ SƠ ĐĂNG KÝ DỰ TUYỂN"], []]
    _write("applications.xlsx", {"Hồ sơ": [*title, [*header], *rows]}, [6, 26, 26, 8, 8, 18])


def _vnd(price: str | int) -> int:
    return int("".join(c for c in str(price) if c.isdigit()))


def _write(
    name: str, sheets: Mapping[str, Sequence[Sequence[Value | float]]], widths: Sequence[int]
) -> None:
    book = xlsxwriter.Workbook(HERE / name, {"default_date_format": "dd/mm/yyyy"})
    book.set_properties({"author": "Hocphi", "created": datetime(2026, 11, 1, tzinfo=UTC)})
    wrap = book.add_format({"text_wrap": True, "bold": True})
    for sheet_name, rows in sheets.items():
        sheet = book.add_worksheet(sheet_name)
        for column, width in enumerate(widths):
            sheet.set_column(column, column, width)
        for row_no, row in enumerate(rows):
            for column, value in enumerate(row):
                if isinstance(value, str):
                    sheet.write_string(row_no, column, value, wrap if "\n" in value else None)
                elif isinstance(value, date):
                    sheet.write_datetime(
                        row_no, column, datetime.combine(value, datetime.min.time())
                    )
                elif value is not None:
                    sheet.write_number(row_no, column, value)
    book.close()


def main() -> None:
    """Write the files beside this one."""
    rng = random.Random(SEED)  # noqa: S311 - invented people, not secrets
    pupils = make_pupils(rng)
    write_roster(pupils, rng)
    write_fees(pupils, rng)
    write_concessions(pupils)
    write_service()
    write_applications(random.Random(SEED))  # noqa: S311 - invented people, not secrets


if __name__ == "__main__":
    main()
