"""Where a key may go: to this machine and to private addresses, and to hosts that the user named."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from rl.errors import UserError
from rl.secrecy.environment import key_of

_ADDRESS = re.compile(r"https?://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?(?:/[A-Za-z0-9._~/-]*)?")

_PRIVATE = [
    ipaddress.ip_network(text)
    for text in (
        *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"),
        *("::1/128", "fc00::/7", "fe80::/10"),
    )
]
"""RFC 1918 and 4193, this machine, and one cable."""


def require_address(address: str, what: str, example: str = "http://127.0.0.1:8000") -> None:
    """Errors: UserError for what is no address of a server, and for one that holds a password or a key."""
    if _ADDRESS.fullmatch(address) and _port_is(address):
        return
    if not address.startswith(("http://", "https://")):
        raise UserError(f"{what} {address!r} is no address; give e.g. {example}")
    if "@" in address or "?" in address:
        raise UserError(
            f"{what} at {_host_of(address)!r}: an address is host, port and path, and is written down; give the key by "
            "--api-key-env, and no user, password or ?parameter"
        )
    raise UserError(f"{what} at {_host_of(address)!r} is no address; give host, port and path, e.g. {example}")


def _port_is(address: str) -> bool:
    try:
        return urlsplit(address).port != 0
    except ValueError:
        return False


def _host_of(address: str) -> str:
    """The host alone: what stands before and behind it may be a secret."""
    rest = re.split(r"[/?#\\]", address.partition("://")[2], maxsplit=1)[0]
    return rest.rpartition("@")[2]


def require_allowed(address: str, allowed: Collection[str], what: str) -> None:
    """Errors: UserError where a key would go to a host that is neither near nor allowed."""
    host = urlsplit(address).hostname or ""
    if host not in {name.lower() for name in allowed} and not _is_near(host):
        raise UserError(
            f"{what} {address}: the key would go to {host}, which is no private address; if that is meant, give "
            f"--allow-host {host}"
        )


def _is_near(host: str) -> bool:
    """Whether a host is this machine or a private address; a name of one word, if it stands for nothing else.

    A name with dots may be anybody's, who can have it stand for another address by the next question.
    """
    try:
        return _is_private(host)
    except ValueError:
        pass
    if host == "localhost" or host.endswith(".localhost"):
        return True
    if "." in host:
        return False
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return bool(found) and all(map(_is_private, found))


def _is_private(text: str) -> bool:
    """Errors: ValueError for what is no address."""
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return any((mapped or address) in network for network in _PRIVATE)


@dataclass(frozen=True)
class Granted:
    """What the user allows on the command line, and no recipe can: another variable for the key, and hosts."""

    variable: str | None = None
    hosts: Sequence[str] = ()

    def key_for(self, addresses: Sequence[str], by_recipe: str | None, what: str = "rollout worker") -> str | None:
        """The key that goes to servers; `by_recipe` is the variable that a recipe names, if one does.

        Errors: UserError for an address that is none, a variable that may not be read, or a host that may not have it.
        """
        for address in addresses:
            require_address(address, what)
        if self.variable is not None:
            key = key_of(self.variable, "--api-key-env")
        elif by_recipe is not None:
            key = key_of(by_recipe, "rollouts.pool.api_key_env", by_recipe=True)
        else:
            return None
        for address in addresses:
            require_allowed(address, self.hosts, what)
        return key
