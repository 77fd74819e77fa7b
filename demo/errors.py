"""Why a demo ends early: the place is taken, or the gateway did not do what is shown."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.messages import Message, msg
from core.kit.errors import ConflictError, UnavailableError


@dataclass(eq=False)
class DemoFailedError(UnavailableError):
    """The gateway did not do what the demo shows it doing; `reason` says what."""

    code = "demo_failed"
    title = msg("Bản demo không đạt.")
    text = msg("Bản demo không đạt: {reason}.")
    reason: Message


@dataclass(eq=False)
class PortTakenError(ConflictError):
    """Something else listens on the port."""

    code = "port_taken"
    title = msg("Cổng đang được dùng.")
    text = msg("Cổng {port} đang được dùng; hãy chọn cổng khác bằng --port.")
    port: int


class DemoRunningError(ConflictError):
    """Another demo runs in the same folder."""

    code = "demo_running"
    title = msg("Một bản demo khác đang chạy; hãy dừng nó (Ctrl-C) rồi chạy lại.")
