"""The conformance table: one row per adapter, two where a protocol tells of money in two ways.

Adding an adapter adds a module `rows_<name>` here; every promise of test_conformance.py then holds for
it too.
"""

from __future__ import annotations

import rows_agribank
import rows_bidv
import rows_bvbank
import rows_casso
import rows_dvcqg
import rows_mb
import rows_momo
import rows_onepay
import rows_payos
import rows_sepay
import rows_shopeepay
import rows_vietcombank
import rows_vietinbank
import rows_vietqrvn
import rows_viettelmoney
import rows_vnpay
import rows_zalopay
from adapter_case import AdapterCase

CASES: tuple[AdapterCase, ...] = (
    *rows_agribank.ROWS,
    *rows_bidv.ROWS,
    *rows_bvbank.ROWS,
    *rows_casso.ROWS,
    *rows_dvcqg.ROWS,
    *rows_mb.ROWS,
    *rows_momo.ROWS,
    *rows_onepay.ROWS,
    *rows_payos.ROWS,
    *rows_sepay.ROWS,
    *rows_shopeepay.ROWS,
    *rows_viettelmoney.ROWS,
    *rows_vietcombank.ROWS,
    *rows_vietinbank.ROWS,
    *rows_vietqrvn.ROWS,
    *rows_vnpay.ROWS,
    *rows_zalopay.ROWS,
)
