"""Which ports of the edge somebody else has."""

import socket

import pytest

from router import ports
from router.rules.render import Edge

pytestmark = pytest.mark.contract


def test_a_port_that_somebody_listens_on_is_taken_unless_it_is_the_proxy_s_own() -> None:
    edge = Edge("127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as there:
        port = there.getsockname()[1]
        assert ports.taken(edge, [port], "bind 127.0.0.1:1\n") == {port}
        assert ports.taken(edge, [port], f"bind 127.0.0.1:{port}\n") == frozenset()
        assert ports.taken(edge, [port], f"bind 127.0.0.1:{port}0\n") == {port}
        assert ports.taken(edge, [port], f"    server a:b:80 127.0.0.1:{port} weight 1\n") == {port}
        assert ports.taken(edge, [port], f"x\n    listen 127.0.0.1:{port};\n") == frozenset()
        assert ports.taken(Edge(), [port], "") == {port}
    assert ports.taken(edge, [port], "") == frozenset()


def test_that_a_router_may_not_have_a_port_does_not_make_it_somebody_s() -> None:
    # An address that comes to this machine later, as keepalived's do; rights to low ports likewise.
    assert ports.taken(Edge("192.0.2.1"), [5000], "") == frozenset()
