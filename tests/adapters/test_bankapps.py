"""Links that open banking apps: what they carry, and what they never do."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from adapters.bankapps import app_links
from adapters.banks import bank


def said(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def test_apps_that_fill_in_come_first_and_carry_the_transfer() -> None:
    links = app_links(
        bin="970415", account="113366668888", amount_vnd=79_000, content="HP7K3M9QX2TA"
    )
    fills = [link.fills for link in links]
    assert fills == sorted(fills, reverse=True)
    assert any(fills)
    for link in links:
        query = said(link.url)
        assert query.pop("app")
        filled = {"ba": "113366668888@icb", "am": "79000", "tn": "HP7K3M9QX2TA"}
        assert query == (filled if link.fills else {})
        assert link.url.startswith("https://dl.vietqr.io/pay?app=")


def test_a_payee_bank_that_is_not_listed_opens_apps_empty() -> None:
    assert bank("123456") is None
    links = app_links(bin="123456", account="1", amount_vnd=1, content="X")
    assert links
    assert not any(link.fills for link in links)
    assert all(set(said(link.url)) == {"app"} for link in links)
