"""The National Public Service Portal's payment platform (Cổng Dịch vụ công quốc gia), both ways.

Outward: we send an order (INIT), the citizen pays on the portal, the portal tells us (CONFIRM), we may
ask (QUERY) and fetch its receipt (GET_BILL). Inward ("pull"): a citizen enters a file's code on the
portal, which asks us what is owed (/lookup), takes the money and reports it (/result).

Signed: MaXacThuc over the fields in INIT_FIELDS, CONFIRM's ten, QUERY's and GET_BILL's five, joined
by "|". Not signed: ThongTinBienLai, TrangThaiGD, the answers to INIT and GET_BILL (the TLS connection
that we opened vouches for those), CONFIRM's UrlBienLai, Token and card fields (never read), the
browser's return (only ever PENDING). No account is named in a CONFIRM: payee_account is "".

Sources: no specification is public; these are what integrators' code shows. INIT, CONFIRM, QUERY,
GET_BILL: github.com/HuanVu201/DichVuCong_KhoaLuan_PASETO, DichVuCongApi/src/Infrastructure/DvcPayment
and Core/Application/Business/YeuCauThanhToanApp. The same and the pull flow:
github.com/VietOpenCPS/opencps-v2, modules/pay-gate-integration.

Choices where the protocol leaves one:
- Hash. The sources disagree: SHA-256 with the secret as the last field (the first, which checks it),
  HMAC-SHA256 (the second, which does not). `hash_mode` says which; the default is sha256_suffix. A
  wrong mode refuses every message and takes none for paid. They also disagree on the order of
  CONFIRM's last two fields: `confirm_order`.
- Reply. Both integrators repeat the CONFIRM's MaXacThuc in the reply; so do we, only under a message
  that was genuine. 00 means recorded, in suspense too; 99 a conflict or a refusal.
- Outcome. MaLoi 00 is paid. No list of codes is public: any other is pending and shown to a person,
  unless it stands in `failed_codes`; QUERY tells the end by TrangThaiGD (1 paid, and only with MaLoi
  00, 3 pending, 4 failed). Whether the answer to QUERY is signed is not known: it must be, over
  CONFIRM's fields, unless `answer_hash` says "none".
- Identity. `{MaThamChieu}.{MaGiaoDich}`; an outcome other than paid is added to it. ThongTinGiaoDich
  is left out of the notice, so that a CONFIRM and a QUERY's answer are one fact whatever they print.
- Return address. INIT has no field for it that is known; `return_field` names one where the portal
  agreed on it.
- Look-up and result carry no signature in the sources. Ours: MaXacThuc in the account's mode over
  MaHoSo|ThoiGianGD|MaDoiTac, ThoiGianGD within `lookup_window_s`, and over
  MaTraCuuTT|SoTien|TrangThaiThanhToan|MaGiaoDich|ThoiGianGD|MaDoiTac, the status as TrangThaiGD.
  `networks` may be asked for on top. A code that nobody has and one that owes nothing are both NONE.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from adapters.providers.dvcqg.inward import (
    acknowledge,
    answer_lookup,
    callbacks,
    needed,
    read,
    refuse,
)
from adapters.providers.dvcqg.outward import (
    ask,
    ask_receipt,
    create,
    read_answer,
    read_created,
    read_receipt,
    read_return,
)

__all__ = [
    "FIRST_ASK",
    "NAME",
    "SECRETS",
    "SETTINGS",
    "acknowledge",
    "answer_lookup",
    "ask",
    "ask_receipt",
    "callbacks",
    "create",
    "needed",
    "read",
    "read_answer",
    "read_created",
    "read_receipt",
    "read_return",
    "refuse",
]

NAME: str = "dvcqg"
SECRETS: Final[Mapping[str, str]] = {
    "secret_key": "the secret of MaXacThuc",
    "bearer": "token of the Authorization header of our calls; optional",
}
SETTINGS: Final[Mapping[str, str]] = {
    "partner_code": "MaDoiTac, given by the portal",
    "api_url": "where INIT, QUERY and GET_BILL are posted",
    "init_url": "INIT's own address; default api_url",
    "query_url": "QUERY's own address; default api_url",
    "bill_url": "GET_BILL's own address; default api_url",
    "version": "PhienBan; default 1.0.6",
    "hash_mode": "sha256_suffix (default) or hmac_sha256: ask the portal, sources disagree",
    "confirm_order": "CONFIRM's last signed fields: time_text (default, ThoiGianGD first) or text_time",
    "answer_hash": "confirm (default): QUERY's answer is signed as a CONFIRM; none: only TLS vouches",
    "failed_codes": "MaLoi of a CONFIRM that mean failed for good, joined by commas; default none",
    "return_field": "INIT's field for the return address, where the portal agreed on one; default none",
    "ma_dich_vu": "MaDichVu; default 2 (fees of a file)",
    "ma_tthc": "MaTTHC where the fee names no procedure of its own; without any, no order is sent",
    "ten_tthc": "TenTTHC beside ma_tthc",
    "ma_dvc": "MaDVC beside ma_tthc; default ma_tthc with .01",
    "ten_dvc": "TenDVC beside ma_tthc; default ten_tthc",
    "ma_don_vi": "MaDonVi, the school's code on the portal; default the school's own code",
    "ma_nh_thu_huong": "MaNHThuHuong; default the BIN of the school's bank",
    "loai_phi_le_phi": "LoaiPhiLePhi of the fee lines; default Phi",
    "pay_hosts": "hosts that UrlThanhToan may lead to, joined by commas; default any",
    "receipt_hosts": "hosts that UrlBienLai may lead to, joined by commas; default any",
    "allow_http": "yes: addresses of the portal may be http or numbered (a sandbox); default no",
    "networks": "CIDR ranges that the portal calls from, joined by commas; default any",
    "lookup_window_s": "how far a look-up's ThoiGianGD may be from now, seconds; default 300",
}

FIRST_ASK: timedelta = timedelta(minutes=30)
