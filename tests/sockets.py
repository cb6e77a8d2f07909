"""No test speaks to the world: a socket to anything but this machine is an error, with the address in its text.

An audit hook of Python sees every `connect`, `sendto` and name look-up, whatever library makes it, and survives any
patching. It is there for the process's life; `forbid_the_world` installs it once.
"""

import ipaddress
import sys

HERE = {None, "", "localhost", "ip6-localhost", "testserver"}


class WorldReached(RuntimeError):
    """A test tried to reach an address that is not this machine's loopback."""


def is_here(host: object) -> bool:
    """Whether a host (name, textual address, None) means this machine: loopback, or all its addresses."""
    if isinstance(host, bytes):
        host = host.decode()
    if host in HERE:
        return True
    try:
        address = ipaddress.ip_address(str(host).split("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def forbid_the_world() -> None:
    """From now on a socket of this process (not of its children) that leaves the machine raises `WorldReached`."""
    if not getattr(forbid_the_world, "done", False):
        sys.addaudithook(_watch)
        forbid_the_world.done = True  # type: ignore[attr-defined]


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else ""  # a str is a Unix socket's path
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if not is_here(host):
        raise WorldReached(f"a test reached for {host!r}: use a server of 127.0.0.1, or a null implementation")
