"""The picture of a VietQR payload: one SVG path, or a PNG to save on a phone.

Error correction is M, as banks print it. The mask is fixed: choosing the "best" of eight costs 80 % of
the time and no phone needs it (benchmarks/qr.py measures, tests read every code back). It
draws what it is given and must never decide what a payload contains.
"""

from __future__ import annotations

from io import BytesIO
from typing import Final

from PIL import Image
from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode

MASK: Final = 3
QUIET: Final = 4  # modules of white around the code, ISO/IEC 18004 §6.3.8


def qr_svg(payload: str) -> str:
    """A standalone SVG, black on white, one unit per module, four modules of margin.

    Raises qrcode.exceptions.DataOverflowError for more than 2,331 bytes.
    """
    matrix = _modules(payload)
    size = len(matrix) + 2 * QUIET
    path = "".join(
        f"M{start + QUIET} {y + QUIET}h{length}v1h-{length}z"
        for y, row in enumerate(matrix)
        for start, length in _runs(row)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}"'
        ' shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{size}v{size}H0z"/><path d="{path}"/></svg>'
    )


def qr_png(payload: str, pixels_per_module: int = 16) -> bytes:
    """A PNG in two colours, `pixels_per_module` pixels a module; see `qr_svg`."""
    matrix = _modules(payload)
    size = len(matrix) + 2 * QUIET
    image = Image.new("1", (size, size), 1)
    image.putdata(
        [
            0 if 0 <= x < len(matrix) and 0 <= y < len(matrix) and matrix[y][x] else 1
            for y in range(-QUIET, len(matrix) + QUIET)
            for x in range(-QUIET, len(matrix) + QUIET)
        ]
    )
    side = size * pixels_per_module
    file = BytesIO()
    image.resize((side, side), Image.Resampling.NEAREST).save(file, "PNG", optimize=True)
    return file.getvalue()


def _modules(payload: str) -> list[list[bool]]:
    """The dark modules, row by row, without the margin."""
    code = QRCode(error_correction=ERROR_CORRECT_M, border=0, mask_pattern=MASK)
    code.add_data(payload)  # cut into segments: long runs of digits make it a version smaller
    code.make()
    return [[bool(module) for module in row] for row in code.modules]


def _runs(row: list[bool]) -> list[tuple[int, int]]:
    """Stretches of dark modules as (start, length)."""
    found: list[tuple[int, int]] = []
    start = None
    for x, dark in enumerate([*row, False]):
        if dark and start is None:
            start = x
        elif not dark and start is not None:
            found.append((start, x - start))
            start = None
    return found
