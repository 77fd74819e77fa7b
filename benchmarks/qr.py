"""QR codes per second: our SVG of a VietQR payload, beside qrcode's own SvgPathImage of the same payloads.

Both draw error correction M with the same library's matrix; what differs is the fixed mask and our
path of runs. Rounds alternate between the two, and each code is of another payload, so that neither
gains from a cache or from a quiet moment of the machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import qrcode
from qrcode.constants import ERROR_CORRECT_M
from qrcode.image.svg import SvgPathImage

from adapters.vietqr import encode
from core.invoices.qr import qr_svg
from core.kit.reference import make_references

ROUNDS = 5
OURS_PER_ROUND = 200
BASELINE_PER_ROUND = 30


def _baseline(payload: str) -> bytes:
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M)
    code.add_data(payload)
    drawn: bytes = code.make_image(image_factory=SvgPathImage).to_string()
    return drawn


def _seconds(draw: Callable[[str], object], payloads: list[str]) -> float:
    began = time.perf_counter()
    for payload in payloads:
        draw(payload)
    return time.perf_counter() - began


def run() -> dict[str, float]:
    """Codes per second of both, the size of one of ours in bytes, and the ratio (ours / baseline)."""
    references = make_references(range(ROUNDS * (OURS_PER_ROUND + BASELINE_PER_ROUND)), b"b" * 32)
    payloads = [
        encode(bin="970436", account="0011001234567", amount_vnd=1_000_000 + n, content=reference)
        for n, reference in enumerate(references)
    ]
    ours_s = baseline_s = 0.0
    _baseline(payloads[0])
    qr_svg(payloads[0])
    for start in range(0, len(payloads), OURS_PER_ROUND + BASELINE_PER_ROUND):
        middle = start + OURS_PER_ROUND
        ours_s += _seconds(qr_svg, payloads[start:middle])
        baseline_s += _seconds(_baseline, payloads[middle : middle + BASELINE_PER_ROUND])
    ours = ROUNDS * OURS_PER_ROUND / ours_s
    baseline = ROUNDS * BASELINE_PER_ROUND / baseline_s
    return {
        "codes_per_s": round(ours, 1),
        "baseline_codes_per_s": round(baseline, 1),
        "svg_bytes": len(qr_svg(payloads[0]).encode()),
        "baseline_svg_bytes": len(_baseline(payloads[0])),
        "ratio": round(ours / baseline, 2),
    }


if __name__ == "__main__":
    print(run())
