"""Every code that is drawn is read back by a decoder that is not ours."""

from __future__ import annotations

import io
import re

import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from adapters.vietqr import MAX_AMOUNT_VND, encode
from core.invoices.qr import qr_png, qr_svg
from core.kit.reference import MAX_NUMBER, make_reference

SCALE = 4

payloads = st.builds(
    lambda account, amount_vnd, number: encode(
        bin="970436",
        account=account,
        amount_vnd=amount_vnd,
        content=make_reference(number, b"k" * 32),
    ),
    st.from_regex(r"[0-9]{6,19}", fullmatch=True),
    st.integers(1, MAX_AMOUNT_VND),
    st.integers(0, MAX_NUMBER),
)


def read(image: Image.Image) -> str:
    [code] = zxingcpp.read_barcodes(image)
    assert code.ec_level == "M"
    return code.text


def drawn(svg: str) -> Image.Image:
    """The SVG as pixels: its rectangles, on the white that it declares below."""
    size = int(re.search(r'viewBox="0 0 (\d+) \1"', svg)[1])
    assert f'fill="#fff" d="M0 0h{size}v{size}H0z"' in svg
    image = Image.new("1", (size * SCALE, size * SCALE), 1)
    pen = ImageDraw.Draw(image)
    [path] = re.findall(r'<path d="([^"]+)"', svg)
    rectangles = re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", path)
    assert "".join(f"M{x} {y}h{w}v1h-{w}z" for x, y, w in rectangles) == path
    for x, y, width in rectangles:
        left, top = int(x) * SCALE, int(y) * SCALE
        pen.rectangle((left, top, left + int(width) * SCALE - 1, top + SCALE - 1), fill=0)
    return image


@settings(max_examples=40)
@given(payloads)
def test_svg_and_png_say_the_payload(payload: str) -> None:
    assert read(drawn(qr_svg(payload))) == payload
    assert read(Image.open(io.BytesIO(qr_png(payload)))) == payload


@settings(max_examples=20)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=60))
def test_any_text_survives(text: str) -> None:
    assert read(Image.open(io.BytesIO(qr_png(text)))) == text


def test_a_code_is_the_same_every_time_and_small() -> None:
    payload = encode(
        bin="970436", account="0011001234567", amount_vnd=1_250_000, content="HP7K3M9QX2TA"
    )
    assert qr_svg(payload) == qr_svg(payload)
    assert qr_png(payload) == qr_png(payload)
    assert len(qr_svg(payload)) < 8_000
    assert len(qr_png(payload)) < 4_000
