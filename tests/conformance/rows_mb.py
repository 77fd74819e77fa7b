"""MB in the conformance table: its transaction-sync answers as VietQR.VN's."""

from __future__ import annotations

from adapter_case import AdapterCase, Carries
from rows_vietqrvn import contradicted, taken

from sandbox import mb

ROWS: tuple[AdapterCase, ...] = (
    AdapterCase(
        notifier=mb,
        carries=Carries.CONTENT,
        missing="amount",
        ok=taken,
        duplicate=taken,
        conflict=contradicted,
        bad_signature=lambda answer: answer.status_code == 401,
        unknown_reference=taken,
        names_account=True,
    ),
)
