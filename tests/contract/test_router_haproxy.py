"""What the router believes of HAProxy, asked of a real one."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.install import find
from router import parts
from router.proxies import HAProxy
from router.rules.build import build
from router.rules.render import Edge, Paths, Rendered, Renderer, View, shipped_template
from services.entry import ServiceEntry, entries_of, keys_of
from tests.fakes.edge import until
from tests.fakes.ports import free_port

pytestmark = pytest.mark.contract

PROGRAM = str(find().haproxy)


class Edges:
    """Renders files for one HAProxy, and runs it with the first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._renderer = Renderer(
            shipped_template("haproxy"),
            edge=Edge("127.0.0.1", free_port()),
            paths=Paths(str(folder / "s.sock"), str(folder)),
            environ={},
            is_adjustable=True,
        )
        self.proxy = HAProxy(PROGRAM, str(folder / "s.sock"))

    def rendered(self, *entries: ServiceEntry) -> Rendered:
        stored = {key: value for one in entries for key, value in keys_of(one).items()}
        return self._renderer.render(View(build(entries_of(stored)).model))

    @contextmanager
    def running(self, rendered: Rendered) -> Iterator[None]:
        file = self._folder / "haproxy.cfg"
        file.write_text(rendered.text)
        parts.write(rendered.parts, file)
        with subprocess.Popen([PROGRAM, "-W", "-db", "-f", str(file)]) as process:
            try:
                until((self._folder / "s.sock").exists, "HAProxy's socket")
                yield
            finally:
                process.terminate()


@pytest.fixture
def edges(tmp_path: Path) -> Edges:
    return Edges(tmp_path)


def entry(ip: str, number: int = 1) -> ServiceEntry:
    return ServiceEntry("web", "host1", f"c{number}", 80, ip, 4000 + number)


@pytest.mark.parametrize(
    "ip",
    [
        "10.0.0.1",
        "::1",
        "::ffff:10.0.0.1",
        "::10.0.0.1",
        "64:ff9b::10.0.0.1",
        "2001:DB8:0:0:1:0:0:1",
        "2001:db8:0:1:1:1:1:1",
    ],
)
async def test_however_an_address_is_written_haproxy_has_it_without_a_reload(
    edges: Edges, ip: str
) -> None:
    first, second = edges.rendered(entry(ip)), edges.rendered(entry(ip), entry(ip, 2))
    with edges.running(first):
        assert await edges.proxy.adjust(first) == "nothing to do"
        assert await edges.proxy.adjust(second) == "done"
        assert await edges.proxy.adjust(second) == "nothing to do"
