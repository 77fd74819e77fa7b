"""What HTTP would say of an error that a service raised."""

from __future__ import annotations

from gateway.problems import status_of

__all__ = ["status_of"]
