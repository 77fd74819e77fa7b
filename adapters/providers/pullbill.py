"""The pull-bill model of bank collection ("thu ho"): the bank asks `getbill`, its customer pays, the bank
tells `paybill`. BIDV speaks it, Agribank after it; the two differ in what their contracts usually fix.

Both calls are POSTs of JSON under `checksum`, over values joined with the shared secret before them:
getbill over service_id and customer_id, paybill over trans_id, bill_id and amount. **Not signed** in
paybill: customer_id, service_id, trans_date, everything else; none of them decides about money here.

Source: github.com/duchieupham/vietqr_server, CustomerInvoiceController and BankEncryptUtil (variant A:
no separator, MD5, a Bearer token, an array of bills, HTTP 400). The banks' own papers are not public;
variant B is a university's tuition gateway ("|" between the values, one sum, always HTTP 200).

Choices where the protocol leaves one:
- The separator. Without one, the checksum does not say where trans_id ends and bill_id begins: one
  genuine message could be told again as another transaction. So "" wants the `lengths` of both;
  where they are not fixed, the notice counts only from the setting `networks` and stays provisional.
- bill_id is what getbill answered. Where a bank sends none, or `pays_by` says customer_id, that field
  is unsigned: again only from `networks`, and provisional.
- The money has moved before paybill comes, so 000 is answered once it is recorded, whatever it is
  for; `replies` = by_code tells unknown bills, other amounts and paid bills as the table says them.
  A repeated trans_id gets 000 then too where the table has no word for it. The same trans_id with
  another bill or amount is refused as an amount mismatch either way.
- trans_date is believed within three days before arrival, else the time of arrival counts.
- The Bearer token is a fixed one that the bank was given: how it would fetch one is not documented.
- The number by which the bank's statement will know the payment is not documented: none is claimed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from adapters.contract import (
    DEBTS,
    NOTICES,
    Callback,
    Debt,
    Lookup,
    MerchantAccount,
    Notice,
    Notices,
    Outcome,
    Refused,
    RefusedError,
    Reply,
    Request,
    Verdict,
    VerdictKind,
)
from adapters.wire import (
    counter_name,
    digest_hex,
    digits_vnd,
    expect_bounded,
    expect_json,
    expect_network,
    hmac_base64,
    identity,
    json_object,
    json_reply,
    pairs,
    same,
    secret,
    setting,
    unsigned_time,
)

SECRETS: Final[Mapping[str, str]] = {
    "secret": "the secret under every checksum",
    "bearer": "optional: the token that the bank sends as Authorization: Bearer; empty: not asked",
}
GETBILL: Final = "getbill"
PAYBILL: Final = "paybill"
FIELDS: Final = (
    "customer_id",
    "service_id",
    "trans_id",
    "trans_date",
    "bill_id",
    "amount",
    "checksum",
)
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "separator": ("|", ""),
    "algorithm": ("md5", "hmac_sha256_base64"),
    "codes": ("A", "B"),
    "shape": ("A", "B"),
    "error_status": ("400", "200"),
    "replies": ("accept", "by_code"),
    "pays_by": ("bill_id", "customer_id"),
}
_NO_ERROR: Final = ("000", "012", "023")  # told with HTTP 200 even where errors have 400


def settings(usual: Mapping[str, str]) -> Mapping[str, str]:
    """SETTINGS of a bank of this model, with what is `usual` there."""
    words = {
        "separator": 'between the signed values: "|" or ""',
        "algorithm": "md5 or hmac_sha256_base64",
        "codes": "table of result codes: A (VietQR.VN) or B (a university's tuition gateway)",
        "shape": "getbill's answer: A (an array of bills) or B (one sum, matchAmount)",
        "error_status": "HTTP status of errors: 400 (but 200 with 012 and 023) or 200",
        "replies": "to paybill: accept (000 once recorded) or by_code (021, 022, 023 of the table)",
        "pays_by": "the field of paybill that names the bill: bill_id or customer_id (unsigned)",
    }
    return {
        "service_id": "the service that the bank made for this school",
        **{name: f'{text}; default "{usual[name]}"' for name, text in words.items()},
        "code_overrides": 'codes said otherwise, e.g. "021=000,022=000"; default none',
        "fields": 'names said otherwise, ours=theirs, e.g. "customer_id=maKH"; default none',
        "lengths": 'fixed lengths of trans_id and bill_id where the separator is "", e.g. "13,12"',
        "networks": "CIDR ranges of the bank, where only the network vouches for what is unsigned",
        "names": "payer's name told to the counter: masked or full; default masked",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """A table of result codes, by what they mean. `repeated`: this trans_id was recorded before."""

    success: str = "000"
    missing_parameter: str
    not_logged_in: str
    bad_checksum: str
    unknown_service: str
    unknown_customer: str
    nothing_owed: str
    unknown_bill: str
    amount_mismatch: str
    already_paid: str
    repeated: str
    system_error: str


TABLES: Final[Mapping[str, Codes]] = {
    "A": Codes(
        missing_parameter="001",
        not_logged_in="003",
        bad_checksum="004",
        unknown_service="006",
        unknown_customer="011",
        nothing_owed="012",
        unknown_bill="021",
        amount_mismatch="022",
        already_paid="023",
        repeated="023",
        system_error="031",
    ),
    "B": Codes(
        missing_parameter="145",
        not_logged_in="007",
        bad_checksum="007",
        unknown_service="020",
        unknown_customer="017",
        nothing_owed="025",
        unknown_bill="017",
        amount_mismatch="022",
        already_paid="025",
        repeated="000",
        system_error="096",
    ),
}
_REFUSALS: Final = {
    Refused.BAD_SIGNATURE: "bad_checksum",
    Refused.UNAUTHENTICATED: "not_logged_in",
    Refused.FOREIGN_NETWORK: "not_logged_in",
    Refused.MISSING_FIELD: "missing_parameter",
    Refused.BAD_FIELD: "missing_parameter",
    Refused.MALFORMED: "missing_parameter",
    Refused.WRONG_CONTENT_TYPE: "missing_parameter",
    Refused.TOO_LARGE: "missing_parameter",
    Refused.WRONG_MERCHANT: "unknown_service",
    Refused.NOT_FOUND: "unknown_service",
}
_VERDICTS: Final = {
    VerdictKind.AMOUNT_DIFFERS: "amount_mismatch",
    VerdictKind.ALREADY_PAID: "already_paid",
    VerdictKind.UNKNOWN_REFERENCE: "unknown_bill",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PullBillTerms:
    """One account's contract. `lengths`: of trans_id and bill_id, where they are fixed."""

    chosen: Mapping[str, str]
    overrides: Mapping[str, str]
    fields: Mapping[str, str]
    lengths: tuple[int, int] | None

    @property
    def codes(self) -> Codes:
        """The table of result codes."""
        return TABLES[self.chosen["codes"]]


@dataclass(frozen=True, slots=True)
class PullBill:
    """A bank that speaks this model; `usual` is what its contracts fix where an account says nothing.

    Its methods are those of IpnAdapter and LookupAdapter.
    """

    usual: Mapping[str, str]

    def callbacks(self, settings: Mapping[str, str]) -> tuple[Callback, ...]:  # noqa: ARG002 - the contract's shape
        """Where the bank asks what is owed, and where it reports. See IpnAdapter.callbacks."""
        return Callback(DEBTS, f"/{GETBILL}"), Callback(NOTICES, f"/{PAYBILL}")

    def needed(self, settings: Mapping[str, str]) -> frozenset[str]:  # noqa: ARG002 - the contract's shape
        """The names of the secrets and settings that must be given, beside these settings."""
        return frozenset({"secret", "service_id"})

    def read(self, request: Request, account: MerchantAccount) -> Notices | Lookup:
        """getbill or paybill, whatever the contract puts before that word. See IpnAdapter.read."""
        expect_bounded(request.body)
        call = request.path.rpartition("/")[2]
        if request.method != "POST" or call not in (GETBILL, PAYBILL):
            raise RefusedError(Refused.NOT_FOUND)
        terms = _terms(self.usual, account)
        _expect_bearer(request, account)
        expect_json(request)
        fields = _fields(request, terms)
        if call == GETBILL:
            return Lookup(_asked(fields, terms, account))
        return Notices((_paid(fields, terms, request, account),))

    def acknowledge(
        self,
        request: Request,  # noqa: ARG002 - the contract's shape
        account: MerchantAccount,
        verdicts: Sequence[Verdict],
    ) -> Reply:
        """000 once recorded; by_code, what the recorder found; 022 for a contradiction."""
        terms = _terms(self.usual, account)
        if not verdicts:
            return _reply(terms, "system_error")
        verdict = verdicts[0]
        if verdict.kind is VerdictKind.CONFLICT:
            return _reply(terms, "amount_mismatch", is_refusal=True)
        if terms.chosen["replies"] == "accept":
            return _reply(terms, "success")
        return _reply(
            terms, _VERDICTS.get(verdict.kind, "repeated" if verdict.duplicate else "success")
        )

    def answer_lookup(self, request: Request, account: MerchantAccount, debt: Debt | None) -> Reply:
        """The customer and what is open, as an array of bills (A) or as one sum (B)."""
        terms = _terms(self.usual, account)
        if debt is None:
            return _reply(terms, "unknown_customer")
        if debt.whole is None:
            return _reply(terms, "nothing_owed")
        fields = _fields(request, terms)
        customer = {
            "customer_id": identity(fields, "customer_id"),
            "customer_name": counter_name(debt.payer.name),
            "customer_addr": "",
        }
        if terms.chosen["shape"] == "B":
            service = {"service_id": identity(fields, "service_id")}
            whole = {"type": 0, "matchAmount": debt.whole.amount_vnd}
            return _reply(terms, "success", {"data": {**service, **customer, **whole}})
        bills = [
            {"type": 0, "amount": bill.amount_vnd, "bill_id": bill.reference} for bill in debt.bills
        ]
        return _reply(terms, "success", {**customer, "data": bills})

    def refuse(
        self,
        request: Request,  # noqa: ARG002 - the contract's shape
        account: MerchantAccount | None,
        error: RefusedError,
    ) -> Reply:
        """The table's code for the reason; a system error where it has none. Never a success."""
        nobody = MerchantAccount(account_key="", secrets={})
        try:
            terms = _terms(self.usual, account or nobody)
        except RefusedError:
            terms = _terms(self.usual, nobody)
        meaning = _REFUSALS.get(error.reason, "system_error")
        status = 413 if error.reason is Refused.TOO_LARGE else None
        return _reply(terms, meaning, is_refusal=True, status=status)


def checksum(terms: PullBillTerms, key: str, values: Sequence[str]) -> str:
    """The checksum over `values` under the secret `key`, as the contract spells it."""
    data = terms.chosen["separator"].join((key, *values)).encode()
    if terms.chosen["algorithm"] == "md5":
        return digest_hex("md5", data)
    return hmac_base64("sha256", key, data)


def _terms(usual: Mapping[str, str], account: MerchantAccount) -> PullBillTerms:
    """Raises RefusedError(BUSY) for a setting that means nothing: the fault is ours."""
    chosen = {name: account.settings.get(name, usual[name]) for name in _CHOICES}
    for name, value in chosen.items():
        if value not in _CHOICES[name]:
            raise RefusedError(Refused.BUSY, name)
    fixed = account.settings.get("lengths", "")
    found = re.fullmatch(r"([1-9][0-9]?), ?([1-9][0-9]?)", fixed)
    if fixed and not found:
        raise RefusedError(Refused.BUSY, "lengths")
    return PullBillTerms(
        chosen=chosen,
        overrides=pairs(account, "code_overrides"),
        fields=pairs(account, "fields"),
        lengths=(int(found[1]), int(found[2])) if found else None,
    )


def _expect_bearer(request: Request, account: MerchantAccount) -> None:
    expected = account.secrets.get("bearer", "")
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if expected and (scheme.lower() != "bearer" or not same(given.strip(), expected)):
        raise RefusedError(Refused.UNAUTHENTICATED, "authorization")


def _fields(request: Request, terms: PullBillTerms) -> dict[str, Any]:
    """The fields that the model knows, by its own names, whatever the contract calls them."""
    message = json_object(request.body)
    return {name: message.get(terms.fields.get(name, name)) for name in FIELDS}


def _expect_checksum(
    fields: Mapping[str, Any], terms: PullBillTerms, account: MerchantAccount, values: Sequence[str]
) -> None:
    given = identity(fields, "checksum")
    if terms.chosen["algorithm"] == "md5":
        given = given.lower()
    if not same(given, checksum(terms, secret(account, "secret"), values)):
        raise RefusedError(Refused.BAD_SIGNATURE, "checksum")
    separator = terms.chosen["separator"]
    if separator and any(separator in value for value in values):
        # The separator inside a value would let one checksum stand for two readings.
        raise RefusedError(Refused.MALFORMED)


def _asked(fields: Mapping[str, Any], terms: PullBillTerms, account: MerchantAccount) -> str:
    service_id, customer_id = identity(fields, "service_id"), identity(fields, "customer_id")
    _expect_checksum(fields, terms, account, (service_id, customer_id))
    if service_id != setting(account, "service_id"):
        raise RefusedError(Refused.WRONG_MERCHANT, "service_id")
    return customer_id


def _paid(
    fields: Mapping[str, Any], terms: PullBillTerms, request: Request, account: MerchantAccount
) -> Notice:
    trans_id, amount = identity(fields, "trans_id"), identity(fields, "amount")
    bill_id = identity(fields, "bill_id", required=False)
    by_customer = not bill_id or terms.chosen["pays_by"] == "customer_id"
    reference = identity(fields, "customer_id") if by_customer else bill_id
    _expect_checksum(fields, terms, account, (trans_id, bill_id, amount))
    if trans_id == account.settings.get("service_id"):
        # A getbill for a customer "BILL|1000" has the checksum of a paybill: it is not one.
        raise RefusedError(Refused.BAD_SIGNATURE, "checksum")
    is_provisional = by_customer or not _is_unambiguous(terms, trans_id, bill_id)
    if is_provisional:
        expect_network(request, account)
    return Notice(
        transaction_id=trans_id,
        outcome=Outcome.PAID,
        amount_vnd=digits_vnd(amount, "amount"),
        paid_at=unsigned_time(str(fields["trans_date"]), "%Y%m%d%H%M%S", request),
        merchant_reference=reference,
        is_provisional=is_provisional,
    )


def _is_unambiguous(terms: PullBillTerms, trans_id: str, bill_id: str) -> bool:
    """Whether the checksum allows one reading only. Raises RefusedError for another length."""
    if terms.chosen["separator"]:
        return True
    if terms.lengths is None:
        return False
    for name, value, length in zip(
        ("trans_id", "bill_id"), (trans_id, bill_id), terms.lengths, strict=True
    ):
        if len(value) != length:
            raise RefusedError(Refused.BAD_FIELD, name)
    return True


def _reply(
    terms: PullBillTerms,
    meaning: str,
    more: Mapping[str, object] | None = None,
    *,
    is_refusal: bool = False,
    status: int | None = None,
) -> Reply:
    code = getattr(terms.codes, meaning)
    shown_code = terms.overrides.get(code, code)
    if (
        is_refusal and shown_code == terms.codes.success
    ):  # an override never hides that nothing was kept
        shown_code = code
    meaning_shown = "success" if shown_code == terms.codes.success else meaning.replace("_", " ")
    fine = terms.chosen["error_status"] == "200" or shown_code in _NO_ERROR
    body = _renamed(
        {"result_code": shown_code, "result_desc": meaning_shown, **(more or {})}, terms.fields
    )
    return json_reply(status or (200 if fine else 400), body)


def _renamed(value: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, object]:
    """A reply under the contract's names, at every depth."""

    def inner(item: Any) -> object:
        if isinstance(item, Mapping):
            return _renamed(item, names)
        return [inner(one) for one in item] if isinstance(item, list) else item

    return {names.get(name, name): inner(item) for name, item in value.items()}
