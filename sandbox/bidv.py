"""BIDV's counter: getbill, then paybill, as `sandbox.pullbill` has them."""

from __future__ import annotations

from sandbox.pullbill import DELAYS_S, SIGNED, UNSIGNED, ask, is_final, message

__all__ = ["DELAYS_S", "NAME", "SIGNED", "UNSIGNED", "ask", "is_final", "message"]

NAME: str = "bidv"
