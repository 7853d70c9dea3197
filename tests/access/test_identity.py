"""Who is asking: only from the proxy's own address, only while the login lasts."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tierwise.access.identity import LOCAL, Identity, ProxyHeaders, from_claims, from_proxy
from tierwise.errors import BadInput, NotSignedIn

AT = datetime(2026, 11, 25, 12)
UNIX = 1_795_608_000  # the same moment
CLAIMS = {
    "is_logged_in": True,
    "iss": "https://id.example",
    "sub": "42",
    "iat": UNIX - 600,
    "exp": UNIX + 3000,
    "name": "Ana",
    "email": "Ana@Example.org",
    "email_verified": True,
}
PROXY = ProxyHeaders(("10.0.0.5", "192.168.7.0/24"))
HEADERS = {"X-Forwarded-User": "ana", "X-Forwarded-Email": "Ana@Example.org", "X-Forwarded-Groups": "ml, product,"}


def test_a_login_names_a_person() -> None:
    person = from_claims(CLAIMS | {"groups": ["ml", ""]}, AT)
    assert (person.subject, person.name, person.email, person.groups) == ("oidc:https://id.example#42", "Ana", "ana@example.org", ("ml",))
    assert not person.expired(AT) and person.expired(AT + timedelta(hours=1))


@pytest.mark.parametrize(
    "changed",
    [
        {"is_logged_in": False},
        {"exp": UNIX - 61},
        {"iat": UNIX + 61},
        {"exp": None},
        {"iat": None},
        {"exp": True},
        {"exp": "soon"},
        {"exp": float("nan")},
        {"exp": 1e30},
        {"sub": ""},
        {"sub": None},
        {"iss": ""},
    ],
)
def test_a_login_that_is_over_or_says_too_little_is_refused(changed: dict) -> None:
    with pytest.raises(NotSignedIn):
        from_claims(CLAIMS | changed, AT)


def test_a_login_ends_after_the_longest_time_whatever_the_provider_says() -> None:
    long = CLAIMS | {"exp": UNIX + 10**8}
    assert from_claims(long, AT, timedelta(hours=8)).expires_at <= AT + timedelta(hours=8)
    with pytest.raises(NotSignedIn, match="over"):
        from_claims(long, AT + timedelta(hours=9), timedelta(hours=8))


def test_an_address_that_the_provider_has_not_checked_is_nobodys() -> None:
    silent = {k: v for k, v in CLAIMS.items() if k != "email_verified"}
    assert from_claims(silent, AT).email == "" and from_claims(silent, AT, trust_email=True).email == "ana@example.org"
    assert from_claims(CLAIMS | {"email_verified": False}, AT, trust_email=True).email == ""


def test_the_same_number_at_two_providers_is_two_people() -> None:
    assert from_claims(CLAIMS, AT).subject != from_claims(CLAIMS | {"iss": "https://other.example"}, AT).subject


@pytest.mark.parametrize("peer", ["10.0.0.5", "192.168.7.200", "::ffff:10.0.0.5"])
def test_the_proxy_names_a_person(peer: str) -> None:
    assert from_proxy(HEADERS, peer, PROXY) == Identity("proxy:ana", "Ana@Example.org", "ana@example.org", ("ml", "product"))


@pytest.mark.parametrize("peer", ["10.0.0.6", "127.0.0.1", "", None, "10.0.0.5, 1.2.3.4", "testclient"])
def test_headers_from_another_address_are_nobody(peer: str | None) -> None:
    with pytest.raises(NotSignedIn):
        from_proxy(HEADERS, peer, PROXY)


def test_a_header_sent_twice_is_nobody() -> None:
    with pytest.raises(NotSignedIn, match="twice"):
        from_proxy([("X-Forwarded-User", "ana"), ("x-forwarded-user", "root")], "10.0.0.5", PROXY)


def test_a_proxy_that_names_nobody_signs_nobody_in() -> None:
    with pytest.raises(NotSignedIn, match="named nobody"):
        from_proxy({"X-Forwarded-Email": "ana@example.org"}, "10.0.0.5", PROXY)


def test_no_proxy_is_trusted_by_default() -> None:
    with pytest.raises(NotSignedIn):
        from_proxy(HEADERS, "127.0.0.1", ProxyHeaders(()))


def test_a_wrong_network_is_told_at_the_start() -> None:
    with pytest.raises(BadInput, match=r"proxy\.local"):
        ProxyHeaders(("proxy.local",))


@given(some.text(), some.text())
def test_names_are_one_line_of_printable_text(user: str, name: str) -> None:
    try:
        person = from_proxy([("X-Forwarded-User", user), ("X-Forwarded-Preferred-Username", name)], "10.0.0.5", PROXY)
    except NotSignedIn:
        return
    assert person.name.isprintable() and 0 < len(person.name) <= 256 and person.subject.isprintable()


def test_the_local_person_never_expires() -> None:
    assert not LOCAL.expired(datetime.max)
