"""The two sides of a comparison, and the laboratory that they stand in.

The referee is an engine of its own, which the manager does not know, so both sides can be asked at
the same time. The cluster of generation 20.10 is a mixed one: two engines of 20.10 and one of 26.1
that takes API 1.44 and up. Its manager packs (``binpack``), so that everything lands on its first
host, whose words can then be held against the referee's.
"""

import io
import json
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integration_tools import Api, Cli, Done, Manager, until

from lab.cluster import NEWER, Lab
from lab.host import Engine
from lab.http import Answer
from lab.install import find
from lab.state import EngineState
from tests.conformance.masks import masked

BASE_IMAGES = ("busybox:latest", "alpine:latest")
"""What every engine of a lab begins with."""
_PREDEFINED = {"bridge", "host", "none"}
_OWN = {"date", "server"}
"""Headers that are each side's own; one case of `cases.system` looks at them."""
_FRAMING = {"content-length", "transfer-encoding"}
"""How a body's end is told."""
_OLD, _NEW = EngineState(), EngineState(generation=NEWER.generation)


@dataclass(frozen=True, slots=True)
class Generation:
    """What the two sides are made of."""

    cluster: tuple[EngineState, EngineState, EngineState]
    referee: EngineState
    options: tuple[str, ...] = ()
    """Flags of the manager."""


GENERATIONS = {
    "20.10": Generation((_OLD, _OLD, NEWER), _OLD, ("--strategy", "binpack")),
    "26.1": Generation((NEWER, _NEW, _NEW), _NEW),
}


@dataclass(frozen=True)
class Side:
    """One of the two: an engine, or the manager over three."""

    api: Api
    docker: Cli
    engines: tuple[Engine, ...]
    folder: Path
    """For the files of cases."""
    repository: str
    """Where its pushes go in the lab's registry: the sides push at the same time, and a registry
    that gets the same layers of one repository twice at once refuses one of them."""

    def ask(
        self,
        method: str,
        target: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Send one request; what came back, masked: ``status``, ``headers`` and ``body``."""
        return seen(self.api(method, target, body, headers=headers))

    def run(self, *words: str, stdin: bytes | None = None) -> dict[str, Any]:
        """Run docker; what came back, masked: ``code``, ``out`` and ``err`` in lines."""
        return told(self.docker(*words, stdin=stdin, check=False, timeout_s=30))

    def must(self, method: str, target: str, body: object = None) -> Answer:
        """Send a request that prepares something, and so has to work."""
        answer = self.api(method, target, body)
        assert answer.status < 400, f"{method} {target}: {answer.status} {answer.body!r}"
        return answer

    def clean(self) -> None:
        """Take everything that a case made from the engines, and wait until all is forgotten."""
        with ThreadPoolExecutor(len(self.engines)) as pool:
            if any(list(pool.map(lambda engine: _sweep(Api(engine.socket)), self.engines))):
                until(lambda: not _left(self.api), 10, "the end of what a case made")


def seen(answer: Answer) -> dict[str, Any]:
    """An answer as it is compared."""
    body = read(answer.body, answer.headers.get("content-type", ""))
    # One document may come counted or in chunks: the engine chooses by its size.
    ignored = _OWN | _FRAMING if isinstance(body, dict) else _OWN
    headers = {name: value for name, value in answer.headers.items() if name not in ignored}
    return dict(masked({"status": answer.status, "headers": headers, "body": body}))


def told(done: Done) -> dict[str, Any]:
    """What a command said, as it is compared; columns may be wider on one side."""
    texts = {"out": done.out, "err": done.err}
    lines = {
        name: [re.sub(" {2,}", "  ", line.rstrip()) for line in text.strip().splitlines()]
        for name, text in texts.items()
    }
    return {"code": done.code, **masked(lines)}


def read(body: bytes, kind: str = "") -> Any:
    """A body's value: JSON, a list of what lines of JSON hold, a tar's names, or lines of text."""
    if kind == "application/x-tar":
        with tarfile.open(fileobj=io.BytesIO(body)) as tar:
            return sorted(tar.getnames())
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return "<binary>"
    for parse in (json.loads, _read_lines):
        try:
            return parse(text)
        except ValueError:
            continue
    return text.splitlines()


def _read_lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _left(api: Api) -> list[str]:
    """What is not the lab's own at *api*, as the paths to remove it; containers come first."""
    containers = [f"/containers/{row['Id']}" for row in api.get("/containers/json?all=1")]
    images = [
        f"/images/{row['Id'] if tag == '<none>:<none>' else tag}"
        for row in api.get("/images/json")
        for tag in row["RepoTags"] or [row["Id"]]
        if tag not in BASE_IMAGES
    ]
    networks = [
        f"/networks/{row['Id']}"
        for row in api.get("/networks")
        if row["Name"].rpartition("/")[2] not in _PREDEFINED
    ]
    volumes = [f"/volumes/{row['Name']}" for row in api.get("/volumes")["Volumes"] or []]
    return [*containers, *images, *networks, *volumes]


def _sweep(engine: Api) -> bool:
    """Remove what is left on *engine*; whether there was anything."""
    left = _left(engine)
    for path in left:
        engine(
            "DELETE",
            f"{path}?force=1&v=1" if path.startswith("/containers/") else f"{path}?force=1",
        )
    return bool(left)


@contextmanager
def both_sides(generation: str, folder: Path, name: str) -> Iterator[tuple[Side, Side]]:
    """The engine and the manager, in a lab of their own called *name*."""
    made = GENERATIONS[generation]
    lab = Lab(name, [*made.cluster, made.referee], agents=False, manager=False)
    with lab:
        *cluster, referee = lab.engines
        nodes = ",".join(engine.plan.endpoint for engine in cluster)
        with Manager(folder, *made.options, f"nodes://{nodes}", nodes=len(cluster)) as manager:
            yield (
                _side(lab, referee.plan.endpoint, [referee], folder / "engine"),
                _side(lab, manager.endpoint, cluster, folder / "manager"),
            )


def _side(lab: Lab, endpoint: str, engines: Sequence[Engine], folder: Path) -> Side:
    folder.mkdir()
    client = Cli(find().current_docker, f"tcp://{endpoint}", environment={"DOCKER_BUILDKIT": "0"})
    repository = f"{lab.registry.endpoint}/of-{folder.name}"
    return Side(Api(endpoint), client, tuple(engines), folder, repository)
