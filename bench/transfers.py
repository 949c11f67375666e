"""Bulk through the manager against an engine directly: save, load, cp, pull, on a real lab.

Each pair is measured in turns, by the same client, in one run: trust the ratios, not the figures.
Prints Markdown. Root, as for any lab; it has a lab of its own and takes it down at the end.
"""

from __future__ import annotations

import http.client
import io
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

import click

from bench.lab_tools import MB, Watched, family, header, row
from lab.cluster import Lab
from lab.install import install
from lab.ports import free_port
from lab.processes import Process, identify

_BLOCK = 1 << 20
_TIMEOUT_S = 600.0
_START_S = 20.0
_NAME = "bench/big:1"
_BOX = "box"
_TAR = {"Content-Type": "application/x-tar"}


def call(
    place: str, method: str, target: str, body: IO[bytes] | bytes | None = None, **headers: str
) -> int:
    """Send a request, read its answer to the end without keeping it; returns its size in bytes.

    Raises:
        RuntimeError: the answer says that it failed.
    """
    connection = http.client.HTTPConnection(place, timeout=_TIMEOUT_S, blocksize=_BLOCK)
    try:
        fields = {name.replace("_", "-"): text for name, text in headers.items()}
        connection.request(method, target, body, fields)
        answer = connection.getresponse()
        taken, buffer, last = 0, bytearray(_BLOCK), b""
        while size := answer.readinto(buffer):
            taken += size
            last = bytes(buffer[max(0, size - 300) : size])
        if answer.status >= http.client.BAD_REQUEST or b'"errorDetail"' in last:
            raise RuntimeError(
                f"{method} {target}: {answer.status} {last.decode(errors='replace')}"
            )
        return taken
    finally:
        connection.close()


def random_tar(size_mb: int) -> IO[bytes]:
    """Return a tar on disk with one file that does not compress."""
    out = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    block = os.urandom(_BLOCK)
    with tarfile.open(fileobj=out, mode="w") as made:
        entry = tarfile.TarInfo("big")
        entry.size = size_mb * _BLOCK

        class Blocks(io.RawIOBase):
            count = 0

            def read(self, size: int = -1) -> bytes:
                self.count += 1
                return (self.count.to_bytes(8, "big") + block)[: min(size, _BLOCK)]

        made.addfile(entry, Blocks())
    return out


@contextmanager
def manager_of_one(endpoint: str) -> Iterator[tuple[str, Process]]:
    """A manager over one engine: what a call costs that all engines do not share."""
    place = f"127.0.0.1:{free_port('127.0.0.1', 23750)}"
    command = [
        sys.executable,
        "-m",
        "swarm",
        "manage",
        "-H",
        f"tcp://{place}",
        f"nodes://{endpoint}",
    ]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as started:
        try:
            deadline = time.monotonic() + _START_S
            while not _has_a_healthy_node(place):
                if time.monotonic() > deadline:
                    raise RuntimeError("the manager did not start")
                time.sleep(0.1)
            process = identify(started.pid)
            assert process is not None
            yield place, process
        finally:
            started.terminate()


def _has_a_healthy_node(place: str) -> bool:
    connection = http.client.HTTPConnection(place, timeout=5)
    try:
        connection.request("GET", "/info")
        info: Any = json.loads(connection.getresponse().read())
    except OSError:
        return False
    finally:
        connection.close()
    return any(value == "Healthy" for _, value in info.get("SystemStatus") or [])


class Instrument:
    """Measures pairs: the same work directly and through a manager, in turns."""

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds
        rates = ("direct MB/s", "manager MB/s", "wall ratio")
        header("what", "MB", *rates, "manager CPU s/GB", "manager RSS MB")

    def pair(
        self,
        what: str,
        manager: Process,
        direct: Callable[[], int],
        through: Callable[[], int],
        between: Callable[[], None] = lambda: None,
    ) -> None:
        """Measure and print one row; *direct* and *through* return the bytes that passed."""
        ratios, cpu, peaks = [], [], []
        rates: tuple[list[float], list[float]] = ([], [])
        size = 0
        for _ in range(self._rounds):
            between()
            with Watched() as first:
                size = direct()
            between()
            with Watched(*family(manager)) as second:
                through()
            ratios.append(second.wall_s / first.wall_s)
            rates[0].append(size / MB / first.wall_s)
            rates[1].append(size / MB / second.wall_s)
            cpu.append(second.cpu_s / (size / MB / 1000))
            peaks.append((second.before_mb, second.peak_mb))
        before, peak = max(peaks, key=lambda pair: pair[1] - pair[0])
        row(
            what,
            f"{size / MB:.0f}",
            *(f"{statistics.median(values):.0f}" for values in rates),
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})",
            f"{statistics.median(cpu):.2f}",
            f"{before:.0f} -> {peak:.0f}",
        )


def measure(lab: Lab, size_mb: int, pull_mb: int, rounds: int) -> None:
    """Print the table for *lab*."""
    engines = [engine.plan.endpoint for engine in lab.engines]
    first, cluster = engines[0], lab.manager.endpoint
    process = lab.manager.process
    assert process is not None
    instrument = Instrument(rounds)
    with random_tar(size_mb) as tar, tempfile.TemporaryFile() as saved:
        _prepare(lab, tar, saved)

        def sent(place: str, target: str, body: IO[bytes], method: str = "POST") -> int:
            body.seek(0)
            call(place, method, target, body, **_TAR)
            return body.tell()

        def forget() -> None:
            for engine in lab.engines:
                engine.docker("rmi", "-f", _NAME, check=False)

        archive = f"/containers/{_BOX}/archive?path=/data"
        for what, target in (("save", f"/images/{_NAME}/get"), ("cp out", archive)):
            instrument.pair(
                what,
                process,
                partial(call, first, "GET", target),
                partial(call, cluster, "GET", target),
            )
        instrument.pair(
            "cp in",
            process,
            lambda: sent(first, archive, tar, "PUT"),
            lambda: sent(cluster, archive, tar, "PUT"),
        )
        with manager_of_one(engines[1]) as (one, only):
            instrument.pair(
                "load, one engine",
                only,
                lambda: sent(engines[1], "/images/load", saved),
                lambda: sent(one, "/images/load", saved),
                forget,
            )

        def three() -> int:
            with ThreadPoolExecutor(len(engines)) as pool:
                list(pool.map(lambda place: _load_copy(place, saved), engines))
            return os.fstat(saved.fileno()).st_size

        instrument.pair(
            "load, three engines at once",
            process,
            three,
            lambda: sent(cluster, "/images/load", saved),
            forget,
        )
    _measure_pull(lab, instrument, process, pull_mb)


def _load_copy(place: str, saved: IO[bytes]) -> None:
    with Path(f"/proc/self/fd/{saved.fileno()}").open("rb") as own:
        call(place, "POST", "/images/load", own, **_TAR)


def _prepare(lab: Lab, tar: IO[bytes], saved: IO[bytes]) -> None:
    """An image on the first engine, in *saved* too, and a container there with the file in it."""
    first = lab.engines[0]
    repository, _, tag = _NAME.partition(":")
    tar.seek(0)
    call(first.plan.endpoint, "POST", f"/images/create?fromSrc=-&repo={repository}&tag={tag}", tar)
    first.docker("run", "-d", "--name", _BOX, "-v", "/data", "busybox", "sleep", "1000000")
    tar.seek(0)
    call(first.plan.endpoint, "PUT", f"/containers/{_BOX}/archive?path=/data", tar, **_TAR)
    connection = http.client.HTTPConnection(first.plan.endpoint, timeout=_TIMEOUT_S)
    connection.request("GET", f"/images/{_NAME}/get")
    answer = connection.getresponse()
    while data := answer.read(_BLOCK):
        saved.write(data)
    saved.flush()
    connection.close()


def _measure_pull(lab: Lab, instrument: Instrument, process: Process, size_mb: int) -> None:
    name = f"{lab.registry.endpoint}/bench/pulled:1"
    first = lab.engines[0]
    repository, _, tag = name.rpartition(":")
    with random_tar(size_mb) as tar:
        tar.seek(0)
        target = f"/images/create?fromSrc=-&repo={repository}&tag={tag}"
        call(first.plan.endpoint, "POST", target, tar)
    first.docker("push", name)
    pull = f"/images/create?fromImage={repository}&tag={tag}"

    def forget() -> None:
        for engine in lab.engines:
            engine.docker("rmi", "-f", name, check=False)

    def pulled(place: str) -> int:
        call(place, "POST", pull)
        return size_mb * _BLOCK

    def by_three() -> int:
        with ThreadPoolExecutor(len(lab.engines)) as pool:
            list(pool.map(pulled, (engine.plan.endpoint for engine in lab.engines)))
        return size_mb * _BLOCK

    one = lab.engines[1].plan.endpoint
    through = partial(pulled, lab.manager.endpoint)
    sides: dict[str, Callable[[], int]] = {"one": partial(pulled, one), "three": by_three}
    for count, direct in sides.items():
        instrument.pair(f"pull by three, directly by {count}", process, direct, through, forget)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--mb", default=512, show_default=True, help="Size of what is saved, loaded, copied.")
@click.option("--pull-mb", default=128, show_default=True, help="Size of the image pulled.")
@click.option("--rounds", default=3, show_default=True, help="How often each pair is measured.")
def main(mb: int, pull_mb: int, rounds: int) -> None:
    """Measure bulk transfers through a manager over three real engines, and directly."""
    install()
    with Lab("transfers") as lab:
        measure(lab, mb, pull_mb, rounds)


if __name__ == "__main__":
    main()
