"""A TCP port that several processes will share, claimed before any of them starts.

Knows nothing of gRPC: the supervisor uses it without importing grpc.
"""

import errno
import socket
from dataclasses import dataclass
from types import TracebackType

from feedrank.errors import Conflict, InvalidInput


@dataclass(frozen=True, slots=True)
class Reservation:
    """A bound socket that never listens: it keeps the port ours while workers come and go, and takes no connections."""

    host: str  # numeric
    port: int
    held: socket.socket

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __enter__(self) -> "Reservation":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.held.close()


def reserve(host: str, port: int) -> Reservation:
    """Claims `port` on `host` (0: any free one) so that processes of this user may share it through SO_REUSEPORT.

    Raises Conflict when something else is bound there, InvalidInput when `host` names no local address.
    """
    family, address = _resolve(host, port)
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Without SO_REUSEPORT the probe also fails on shared ports; SO_REUSEADDR only forgives old connections.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(probe, address, host, port)
        free = probe.getsockname()[1]
    held = socket.socket(family, socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        try:
            _bind(held, (address[0], free), host, free)
        except Conflict:
            # The port is free, so what is in the way are old connections of a program that did not share it. They are
            # forgiven only now: two sockets with SO_REUSEADDR would not keep a second `serve` from passing its probe.
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _bind(held, (address[0], free), host, free)
    except (Conflict, InvalidInput):
        held.close()
        raise
    return Reservation(address[0], free, held)


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise InvalidInput(f'host "{host}" is no address of this machine; try 127.0.0.1 or 0.0.0.0') from error
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)  # "localhost" means 127.0.0.1 first
    family, _, _, _, address = found[0]
    return family, (str(address[0]), port)


def _bind(sock: socket.socket, address: tuple[str, int], host: str, port: int) -> None:
    try:
        sock.bind(address)
    except PermissionError as error:
        raise Conflict(f"port {port} needs privileges this user lacks; choose one above 1023 with --port") from error
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise InvalidInput(f'host "{host}" is no address of this machine; try 127.0.0.1 or 0.0.0.0') from error
        raise Conflict(f"port {port} on {host} is in use; stop what holds it or choose another with --port") from error
