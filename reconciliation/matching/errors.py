"""What matching refuses."""

from __future__ import annotations

from core.kit.errors import ConflictError
from core.kit.texts import msg


class NoStatementChannelError(ConflictError):
    """The school has no merchant account through which statement lines become payments."""

    code = "no_statement_door"
    title = msg("Trường chưa có kênh nhận sao kê.")
