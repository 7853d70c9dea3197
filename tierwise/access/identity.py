"""Who is asking: told by the login of Streamlit, by a proxy in front of it, or by the machine in local mode."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tierwise.errors import BadInput, NotSignedIn
from tierwise.types import now

CLOCK_SKEW = timedelta(seconds=60)
"""Clocks of two machines differ by so much at most."""

LONGEST = 256
"""Characters of a name, an address or a group."""

EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+")


@dataclass(frozen=True)
class Identity:
    """A person, as whoever checked their login says. What they may do is kept in the workspace, not here."""

    subject: str
    """Never changes and is nobody else's: `oidc:ISSUER#SUBJECT`, `proxy:USER` or `local`."""
    name: str
    email: str = ""
    """In lower case; empty where it is not known or the provider has not checked it."""
    groups: tuple[str, ...] = ()
    expires_at: datetime | None = None
    """UTC; None where whoever checked the login asks again for every request."""

    def expired(self, at: datetime | None = None) -> bool:
        """Whether the login is over."""
        return self.expires_at is not None and (at or now()) >= self.expires_at


LOCAL = Identity("local", "You")
"""The person at the machine: in local mode there is nobody else."""


@dataclass(frozen=True)
class ProxyHeaders:
    """A proxy that signs people in and says who they are; the names are those of oauth2-proxy."""

    trusted: tuple[str, ...]
    """Its addresses, or networks such as 10.0.0.0/24: from any other address the headers could be anyone's."""
    user: str = "X-Forwarded-User"
    email: str = "X-Forwarded-Email"
    name: str = "X-Forwarded-Preferred-Username"
    groups: str = "X-Forwarded-Groups"
    _networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        networks = []
        for text in self.trusted:
            try:
                networks.append(ipaddress.ip_network(text.strip(), strict=False))
            except ValueError as error:
                raise BadInput(
                    f"{text!r} is no address or network of a trusted proxy; give one such as 10.0.0.5 or 10.0.0.0/24."
                ) from error
        object.__setattr__(self, "_networks", tuple(networks))

    def trusts(self, peer: str | None) -> bool:
        """Whether a connection from this address is the proxy's own."""
        try:
            address = ipaddress.ip_address((peer or "").split("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self._networks)


def from_proxy(headers: Mapping[str, str] | Iterable[tuple[str, str]], peer: str | None, proxy: ProxyHeaders) -> Identity:
    """The person that a trusted proxy names.

    Args:
        headers: as pairs where the server can tell a header that was sent twice.
        peer: the address at the other end of the connection itself, never one told by a header.

    Raises:
        NotSignedIn: the connection is not the proxy's, or it names nobody, or two people.
    """
    if not proxy.trusts(peer):
        raise NotSignedIn("This server takes people from its sign-in proxy only, and this request did not come through it.")
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    told: dict[str, list[str]] = {}
    for name, value in pairs:
        told.setdefault(name.lower(), []).append(value)

    def one(name: str) -> str:
        values = told.get(name.lower(), [])
        if len(values) > 1:  # a header of the visitor's own beside the proxy's
            raise NotSignedIn(f"The request says {name} twice. Set the proxy to replace what a visitor sends.")
        return _text(values[0]) if values else ""

    user = one(proxy.user)
    email = one(proxy.email)
    if not user:
        raise NotSignedIn(f"The sign-in proxy named nobody ({proxy.user} is empty or absent).")
    groups = tuple(g for part in one(proxy.groups).split(",") if (g := part.strip()))
    return Identity(f"proxy:{user}", one(proxy.name) or email or user, _email(email or user), groups)


def from_claims(
    claims: Mapping[str, Any], at: datetime | None = None, longest: timedelta | None = None, trust_email: bool = False
) -> Identity:
    """The person that an OpenID Connect provider names; `claims` is `st.user`.

    Streamlit keeps the claims for thirty days and never looks at their times.

    Args:
        longest: a login older than this is over, whatever the provider says.
        trust_email: also an address that the provider does not say it has checked: of a provider where only your own
            organisation has accounts. Elsewhere anyone could write a colleague's address into an account of their own.

    Raises:
        NotSignedIn: nobody is logged in, or the login is over.
    """
    at = at or now()
    if not claims.get("is_logged_in", "sub" in claims):
        raise NotSignedIn("Sign in first.")
    subject, issuer = claims.get("sub"), claims.get("iss")
    if not isinstance(subject, str) or not subject or not isinstance(issuer, str) or not issuer:
        raise NotSignedIn("The login names no person (the claims sub and iss). Sign in again.")
    issued, expires = _moment(claims, "iat"), _moment(claims, "exp")
    if issued - CLOCK_SKEW > at:
        raise NotSignedIn("The login is dated in the future. Check the clock of this server, then sign in again.")
    if longest is not None:
        expires = min(expires, issued + longest)
    if expires + CLOCK_SKEW <= at:
        raise NotSignedIn("The login is over. Sign in again.")
    checked = claims.get("email_verified", trust_email) in (True, "true")
    email = _email(claims.get("email")) if checked else ""
    name = _text(claims.get("name") or claims.get("preferred_username") or claims.get("email")) or subject[:LONGEST]
    groups = claims.get("groups")
    listed = tuple(g for g in map(_text, groups) if g) if isinstance(groups, Sequence) and not isinstance(groups, str) else ()
    return Identity(f"oidc:{issuer}#{subject}", name, email, listed, expires + CLOCK_SKEW)


def _moment(claims: Mapping[str, Any], name: str) -> datetime:
    """A time claim in UTC without a zone, as all times here."""
    value = claims.get(name)
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        return datetime.fromtimestamp(float(value), UTC).replace(tzinfo=None)
    except (ValueError, OverflowError, OSError) as error:
        raise NotSignedIn(f"The login does not say when it was made and when it ends (the claim {name}). Sign in again.") from error


def _text(value: object) -> str:
    """One line of printable text; what others may put in a name is shown and logged."""
    return "".join(c for c in str(value or "") if c.isprintable()).strip()[:LONGEST]


def _email(value: object) -> str:
    text = _text(value).lower()
    return text if EMAIL.fullmatch(text) else ""
