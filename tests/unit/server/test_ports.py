"""A reserved port is ours alone, can be shared by our own servers, and takes no connections itself."""

import socket

import pytest

from feedrank.errors import Conflict, InvalidInput
from feedrank.server.ports import reserve


def test_a_free_port_is_found_and_held() -> None:
    with reserve("127.0.0.1", 0) as reservation:
        assert reservation.port > 0 and str(reservation) == f"127.0.0.1:{reservation.port}"
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", reservation.port))
        with socket.socket() as caller:
            assert caller.connect_ex(("127.0.0.1", reservation.port)) != 0
    with reserve("127.0.0.1", reservation.port) as again:
        assert again.port == reservation.port


def test_a_port_that_is_listened_on_is_refused_by_number() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Conflict, match=f"port {port} on 127.0.0.1 is in use"):
            reserve("127.0.0.1", port)


def test_a_port_that_others_share_is_refused_too() -> None:
    with reserve("127.0.0.1", 0) as first, pytest.raises(Conflict, match=f"port {first.port}"):
        reserve("127.0.0.1", first.port)
    with socket.socket() as shared:
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        shared.bind(("127.0.0.1", 0))
        shared.listen()
        port = shared.getsockname()[1]
        with pytest.raises(Conflict, match=f"port {port}"):
            reserve("127.0.0.1", port)


@pytest.mark.parametrize("shared", [False, True])
def test_recent_connections_do_not_keep_a_port_taken(shared: bool) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=shared) as listening:
        port = listening.getsockname()[1]
        caller = socket.create_connection(("127.0.0.1", port))
        accepted, _ = listening.accept()
        accepted.close()  # the listening side ends first, so the connection lingers on this port
        caller.close()
    with reserve("127.0.0.1", port) as reservation:
        assert reservation.port == port


@pytest.mark.parametrize("host", ["203.0.113.7", "a" * 300])
def test_a_host_that_is_not_here_is_refused(host: str) -> None:
    with pytest.raises(InvalidInput, match=host):
        reserve(host, 0)


def test_localhost_is_the_ipv4_loopback() -> None:
    with reserve("localhost", 0) as reservation:
        assert reservation.host == "127.0.0.1"
