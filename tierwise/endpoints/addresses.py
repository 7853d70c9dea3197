"""Which addresses this process may be told to call.

One person at their own machine administers it: a model may be on it or on the network round it. On a server for a team whoever can
write a tier must not reach by it what only the server can reach: an address is public there, or the administrator has listed it.
Where a cloud tells its machines their credentials is called by nobody.

What is judged in the end is the address to which a connection is about to be made, so a name that changes its meaning and a redirect
come to nothing: see `guard_thread`.
"""

import ipaddress
import re
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from tierwise import settings
from tierwise.errors import BadInput

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

NEVER = tuple(map(ipaddress.ip_network, (
    "169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32", "224.0.0.0/4", "ff00::/8",
    "255.255.255.255/32",
)))  # fmt: skip
"""Link-local, with what clouds tell their machines, and addresses of many machines at once."""

NAT64 = ipaddress.ip_network("64:ff9b::/96")
INSIDE = re.compile(r"(?:.*\.)?(?:localhost|local|internal|intranet|lan|home|corp|home\.arpa)|[^.:]+")
"""Names that mean this machine or its own network: those without a dot too."""

KEY_NAME = re.compile(r"(?!TIERWISE_|STREAMLIT_|OAUTH2_)[A-Z][A-Z0-9_]*_(?:KEY|TOKEN)")
KEPT_S = 30.0
LIST = "TIERWISE_ALLOWED_ENDPOINTS"


class AddressRefused(OSError):
    """A connection that may not be made; its message says why."""


def of_a_team() -> bool:
    """Whether others than the administrator can say what is called."""
    return settings.login() != "off"


def address_of(host: str) -> Address | None:
    """The address that a host is when it is no name, in any way of writing one that the system takes: 127.1 and 0x7f000001 are 127.0.0.1."""
    text = host.strip("[]").split("%")[0].rstrip(".")
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        try:
            return ipaddress.IPv4Address(socket.inet_aton(text)) if re.fullmatch(r"[0-9a-fA-FxX.]+", text) else None
        except OSError:
            return None


def inner(address: Address) -> Address:
    """The IPv4 address that is carried in a version 6 one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)


def refusal(address: Address, port: int, listed: Iterable[tuple[Address, int | None]] = ()) -> str | None:
    """Why an address may not be called; None where it may."""
    address = inner(address)
    if any(address in network for network in NEVER):
        return f"{address} is called by nobody: clouds tell their machines their credentials at such addresses"
    if not of_a_team() or any(address == inner(known) and at in (None, port) for known, at in listed):
        return None
    if not address.is_global:
        return f"{address} is inside the server's own network; its administrator can list it in {LIST}"
    return None


def check_url(where: str, url: str) -> None:
    """Refuse an address while it is typed; a name is judged again by what it means at the moment of the call.

    Raises:
        BadInput: it may not be called.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        parts, host = None, ""
    if parts is None or parts.scheme not in ("http", "https") or not host:
        raise BadInput(f"{where} should be an address such as https://example.com/v1.")
    known = is_listed(host, port)
    address = address_of(host)
    if address is not None and (why := refusal(address, port, [(address, None)] if known else ())):
        raise BadInput(f"{where}: {why}.")
    if address is None and of_a_team() and not known and INSIDE.fullmatch(host.rstrip(".")):
        raise BadInput(f"{where}: {host} is inside the server's own network; its administrator can list it in {LIST}.")


def check_key_goes(where: str, url: str | None, variables: Iterable[str]) -> None:
    """On a server for a team, keys are for models: other secrets of the server have other names, and no key goes to an address of anyone's own.

    Args:
        url: None where a provider's own is meant.

    Raises:
        BadInput: a variable is no key for models, or it would be sent to an address that the administrator has not listed.
    """
    named = list(variables)
    if not named or not of_a_team():
        return
    for variable in named:
        if not KEY_NAME.fullmatch(variable):
            raise BadInput(
                f"{where}: {variable} is not the name of a model's key on this server: one ends in _KEY or _TOKEN, such as OPENAI_API_KEY."
            )
    if url is not None:
        parts = urlsplit(url)
        if not is_listed(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)):
            raise BadInput(f"{where}: keys are sent to addresses that the administrator has listed in {LIST}; {parts.hostname} is not.")


def is_listed(host: str, port: int) -> bool:
    """Whether the administrator has named this host, for this port or for all."""
    return any(host.rstrip(".").lower() == name and at in (None, port) for name, at in _entries())


def _entries() -> list[tuple[str, int | None]]:
    """What may be called inside: the administrator's list, and the proxies by which this machine reaches the rest."""
    found = []
    for text in (*settings.allowed_endpoints(), *(p for p in urllib.request.getproxies().values() if "://" in p)):
        parts = urlsplit(text if "://" in text else f"//{text}")
        try:
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host:
            raise BadInput(f"{LIST} holds {text!r}: give host or host:port, such as ollama:11434.")
        found.append((host.lower(), port))
    return found


def _listed_addresses() -> list[tuple[Address, int | None]]:
    """What the listed names mean just now; kept for half a minute."""
    global _known
    entries = tuple(_entries())
    if _known[0] != entries or time.monotonic() - _known[1] > KEPT_S:
        found: list[tuple[Address, int | None]] = []
        for host, port in entries:
            address = address_of(host)
            with suppress(OSError):
                told = [address] if address else [_plain(t[4][0]) for t in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
                found += [(a, port) for a in told]
        _known = (entries, time.monotonic(), found)
    return _known[2]


_known: tuple[tuple, float, list[tuple[Address, int | None]]] = ((), float("-inf"), [])
_guarded: set[int] = set()


def guard_thread() -> None:
    """From here on this thread connects where it may and nowhere else, whichever client library does it."""
    if not _guarded:
        sys.addaudithook(_on_event)
    _guarded.add(threading.get_ident())


def _on_event(event: str, arguments: tuple) -> None:
    """Python tells of every connection before it is made, with the address itself; to raise here is to stop it."""
    if event != "socket.connect" or threading.get_ident() not in _guarded or not isinstance(arguments[1], tuple):
        return
    host, port = arguments[1][:2]
    try:
        to = _plain(host)
    except ValueError:  # a name: what it means would be looked up after this
        raise AddressRefused(f"{host} was not looked up first") from None
    if (why := refusal(to, port)) and (why := refusal(to, port, _listed_addresses())):
        raise AddressRefused(why)


def _plain(text: str) -> Address:
    return ipaddress.ip_address(text.split("%")[0])


def admitted(host: str, port: int) -> str:
    """The address to connect to for a host, by the same rules.

    Raises:
        AddressRefused: no address of the host may be called.
    """
    why = f"{host} has no address"
    for *_, told in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        to = _plain(told[0])
        why = refusal(to, port, [(to, port)] if is_listed(host, port) else ())
        if not why:
            return str(to)
    raise AddressRefused(why)


def guarded_transport() -> Any:
    """For `httpx.Client`: connections to addresses that were admitted, and to no other that the name may mean a moment later."""
    import httpcore
    import httpx

    class Backend(httpcore.SyncBackend):
        def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> Any:
            try:
                return super().connect_tcp(admitted(host, port), port, *args, **kwargs)
            except AddressRefused as error:
                raise httpcore.ConnectError(str(error)) from error

    transport = httpx.HTTPTransport()
    transport._pool = httpcore.ConnectionPool(ssl_context=httpx.create_ssl_context(), network_backend=Backend())
    return transport
