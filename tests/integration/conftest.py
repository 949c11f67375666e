"""One lab for the whole suite: real engines, a real Consul, the real command line.

Its engines start once. Tests that break something carry the mark ``fault`` and mend it again.
What needs no lab, or hosts of its own, is in ``apart/``.

``SWARM_TEST_LAB=NAME`` uses a lab that is up already (and leaves it up) while one writes tests;
otherwise each run brings up a lab of its own, beside any that a developer has. Its engines are of
one generation unless ``SWARM_TEST_ENGINES=mixed``: then the same tests meet two of them.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from docker import DockerClient
from docker_py_tools import connect
from image_tools import reset_images
from integration_tools import (
    PREPARE,
    Api,
    Cli,
    docker_clients,
    is_whole,
    remove_containers,
    remove_volumes,
    until,
)
from network_tools import made_networks, remove_networks

from lab.cluster import NEWER, Lab
from lab.errors import LabError
from lab.state import EngineState, other_labs

_PREFIX = "test-"
_USED = pytest.StashKey[Lab]()
"""Of a file: the lab that its tests use."""
_CLIENTS = sorted(docker_clients()) or ["missing"]
_ENGINES = {
    "": (EngineState(),) * 3,
    # What has no other wish lands on the first: it takes nothing below API 1.44, while the second
    # keeps the whole cluster at 1.41.
    "mixed": (NEWER, EngineState(), EngineState(generation=NEWER.generation)),
}
"""What the three engines are, by what ``SWARM_TEST_ENGINES`` may say."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is an integration test."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.integration)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was tested with what: machines differ in the clients that they have."""
    engines = ", ".join(engine.generation or "20.10" for engine in _ENGINES[_engines()])
    terminalreporter.write_line(
        f"docker clients tested: {', '.join(_CLIENTS)}; engines of the lab: {engines}"
    )


def _engines() -> str:
    return os.environ.get("SWARM_TEST_ENGINES", "")


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The lab, up, every engine healthy; the manager also listens on a unix socket."""
    if name := os.environ.get("SWARM_TEST_LAB"):
        yield Lab.load(name)
        return
    _remove_left_over()
    socket = tmp_path_factory.mktemp("lab") / "swarm.sock"
    name = f"{_PREFIX}{os.getpid()}"
    lab = Lab(name, _ENGINES[_engines()], manager_options=("-H", f"unix://{socket}"))
    try:
        lab.up()
    except LabError as exc:
        pytest.fail(f"no lab, no integration tests: {exc} ({PREPARE})", pytrace=False)
    try:
        yield lab
    finally:
        lab.down()


def _remove_left_over() -> None:
    """Take down the labs of test runs that were killed."""
    for state in other_labs():
        pid = state.name.removeprefix(_PREFIX).partition("-")[0]
        if state.name.startswith(_PREFIX) and not Path(f"/proc/{pid}").exists():
            Lab(state.name).down()


@pytest.fixture(autouse=True)
def _clean(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every test begins and ends with empty engines, and begins with a whole cluster."""
    if "lab" not in request.fixturenames:
        yield
        return
    lab: Lab = request.getfixturevalue("lab")
    request.node.getparent(pytest.Module).stash[_USED] = lab
    yield
    clear(lab)


@pytest.fixture(scope="module", autouse=True)
def _tidy(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every file begins with engines as the lab has them, whatever file came before it."""
    yield
    if (lab := request.node.stash.get(_USED, None)) is not None:
        tidy(lab)


def clear(lab: Lab) -> None:
    """Remove every container, and wait until the cluster is whole and knows."""
    with ThreadPoolExecutor(len(lab.engines)) as pool:
        list(pool.map(remove_containers, [Api(engine.socket) for engine in lab.engines]))
    manager = Api(lab.manager.endpoint)
    until(lambda: is_whole(lab), 30, "a whole cluster")
    until(lambda: manager.get("/containers/json?all=1") == [], 10, "an empty list of containers")


def tidy(lab: Lab) -> None:
    """Leave nothing but the base images on the engines, and wait until the manager knows."""
    manager = Api(lab.manager.endpoint)
    remove_networks(lab)
    for engine in lab.engines:
        remove_volumes(Api(engine.socket))
    reset_images(lab, manager)
    until(lambda: not made_networks(manager), 10, "the end of the networks")
    until(lambda: not manager.get("/volumes")["Volumes"], 10, "the end of the volumes")


@pytest.fixture
def api(lab: Lab) -> Api:
    """The manager's API."""
    return Api(lab.manager.endpoint)


@pytest.fixture
def engine(lab: Lab) -> Api:
    """The first engine's API, without the manager between."""
    return Api(lab.engines[0].plan.endpoint)


@pytest.fixture(params=["engine", "manager"])
def target(request: pytest.FixtureRequest, lab: Lab) -> Api:
    """The same test against one engine and against the manager: the engine is the referee."""
    if request.param == "engine":
        return Api(lab.engines[0].plan.endpoint)
    return Api(lab.manager.endpoint)


@pytest.fixture
def docker(lab: Lab) -> Cli:
    """The docker client on PATH, pointed at the manager."""
    return Cli(_client(next(iter(docker_clients()), "missing")), lab.manager.url)


@pytest.fixture
def docker_direct(lab: Lab) -> Cli:
    """The same client, pointed at the first engine."""
    return Cli(_client(next(iter(docker_clients()), "missing")), lab.engines[0].url)


@pytest.fixture(params=_CLIENTS)
def any_docker(request: pytest.FixtureRequest, lab: Lab) -> Cli:
    """Each docker client of this machine in turn, pointed at the manager."""
    return Cli(_client(request.param), lab.manager.url)


def _client(version: str) -> Path:
    program = docker_clients().get(version)
    if program is None:
        pytest.fail(f"no docker client on this machine: {PREPARE}", pytrace=False)
    return program


@pytest.fixture
def client(lab: Lab) -> Iterator[DockerClient]:
    """docker-py, pointed at the manager."""
    with connect(lab.manager.url) as client:
        yield client


@pytest.fixture
def unix_socket(lab: Lab) -> Path:
    """The manager's unix socket."""
    options = lab._store.read().manager_options
    found = [option.removeprefix("unix://") for option in options if option.startswith("unix://")]
    if not found:
        pytest.fail("the lab named by SWARM_TEST_LAB has no manager on a unix socket")
    return Path(found[0])
