"""A proxy is kept running, and is never started beside one that runs already."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from common.backoff import Backoff
from router import files, processes
from router.supervisor import Supervisor
from tests.fakes.client import until


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.supervisor._BACKOFF", Backoff(0.05, 0.05))


class Stage:
    """A folder in which a `sleep` plays the proxy."""

    def __init__(self, folder: Path) -> None:
        self.pid_file, self.socket = folder / "x.pid", folder / "x.sock"
        self.seconds = f"600.{os.getpid()}{id(self)}"
        """Tells our `sleep` apart."""
        self.argv = ["sleep", self.seconds]
        self.failing = 0

    def supervisor(self, *argv: str) -> Supervisor:
        return Supervisor(
            argv or self.argv,
            pid_file=self.pid_file,
            socket=self.socket,
            stop_signal=signal.SIGTERM,
        )

    @asynccontextmanager
    async def running(self, supervisor: Supervisor) -> AsyncIterator[None]:
        task = asyncio.create_task(supervisor.run(self._fail))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _fail(self) -> None:
        self.failing += 1

    def sleepers(self) -> list[int]:
        """The processes that run our command, the shell that is about to do it among them."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if self.seconds.encode() in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
        return [pid for pid in found if pid != os.getpid()]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    found = Stage(tmp_path)
    yield found
    for pid in found.sleepers():
        os.kill(pid, signal.SIGKILL)


async def up(supervisor: Supervisor) -> int:
    async with asyncio.timeout(10):
        while supervisor.pid is None:  # noqa: ASYNC110 (it tells nobody)
            await asyncio.sleep(0.01)
    return supervisor.pid


async def test_the_process_that_is_written_down_is_the_proxy_itself(stage: Stage) -> None:
    supervisor = stage.supervisor()
    supervisor.start()
    async with stage.running(supervisor):
        pid = await up(supervisor)
        assert stage.pid_file.read_text().split()[0] == str(pid)
        proxy = Path(f"/proc/{pid}")
        await asyncio.to_thread(
            until, lambda: (proxy / "exe").readlink().name in {"sleep", "coreutils"}, "the proxy"
        )
        assert os.getsid(pid) == pid
        assert (proxy / "fd/0").readlink() == Path("/dev/null")
        soft, hard = next(
            line.split()[3:5]
            for line in (proxy / "limits").read_text().splitlines()
            if line.startswith("Max open files")
        )
        assert soft == hard
        await supervisor.stop(5)
        assert not stage.pid_file.exists()
        assert not processes.start_time(pid)
        assert not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from router import files, processes
from router.supervisor import Supervisor

def killed(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

files.replace = killed
folder = Path(sys.argv[1])
supervisor = Supervisor(
    sys.argv[2:], pid_file=folder / "x.pid", socket=folder / "x.sock", stop_signal=signal.SIGTERM
)
supervisor.start()
asyncio.run(supervisor.run(lambda: None))
"""


def test_a_router_killed_before_it_wrote_the_process_down_leaves_none(
    stage: Stage, tmp_path: Path
) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, tmp_path, *stage.argv], check=False)
    assert done.returncode == -signal.SIGKILL
    until(lambda: stage.sleepers() == [], "the end of what was started")
    assert not stage.pid_file.exists()


async def test_the_next_router_adopts_what_runs_and_starts_nothing(stage: Stage) -> None:
    first, second = stage.supervisor(), stage.supervisor()
    first.start()
    async with stage.running(first):
        pid = await up(first)
    async with stage.running(second):
        assert await up(second) == pid
        assert second.is_wanted
        assert second.starts == 0
        await second.stop(5)
    assert stage.sleepers() == []


LISTENING = """
import socket, sys, time
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
time.sleep(600)
"""


async def test_a_proxy_that_nothing_tells_of_is_found_by_its_socket(stage: Stage) -> None:
    argv = (sys.executable, "-c", LISTENING, str(stage.socket), stage.seconds)
    first, second = stage.supervisor(*argv), stage.supervisor(*argv)
    first.start()
    async with stage.running(first):
        pid = await up(first)
        await asyncio.to_thread(until, stage.socket.exists, "the socket")
    stage.pid_file.unlink()
    async with stage.running(second):
        assert await up(second) == pid
        assert second.starts == 0
        await second.stop(5)


FORKING = """
import os, socket, sys, time
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
os.fork()
time.sleep(600)
"""


async def test_workers_without_their_master_make_room_for_a_new_proxy(stage: Stage) -> None:
    argv = (sys.executable, "-c", FORKING, str(stage.socket), stage.seconds)
    first, second = stage.supervisor(*argv), stage.supervisor(*argv)
    first.start()
    async with stage.running(first):
        master = await up(first)
        await asyncio.to_thread(until, lambda: len(stage.sleepers()) == 2, "the worker")
    os.kill(master, signal.SIGKILL)
    (worker,) = set(stage.sleepers()) - {master}
    second.start()
    async with stage.running(second):
        assert await up(second) != master
        await asyncio.to_thread(until, lambda: worker not in stage.sleepers(), "the worker's end")
        await second.stop(5)


async def test_somebody_else_s_process_at_the_socket_is_left_alone(stage: Stage) -> None:
    # It did not begin its session, as what a router starts does.
    argv = [sys.executable, "-c", LISTENING, str(stage.socket), stage.seconds]
    with subprocess.Popen(argv) as other:  # noqa: ASYNC220 (it is done at once)
        await asyncio.to_thread(until, stage.socket.exists, "the socket")
        supervisor = stage.supervisor()
        supervisor.start()
        async with stage.running(supervisor):
            assert await up(supervisor) != other.pid
            await supervisor.stop(5)
        assert other.poll() is None
        other.kill()


async def test_a_process_that_cannot_be_written_down_runs_all_the_same(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.pid_file.mkdir()
    supervisor = stage.supervisor()
    supervisor.start()
    async with stage.running(supervisor):
        await up(supervisor)
        assert "is not written down" in caplog.text
        await supervisor.stop(5)
        assert stage.sleepers() == []


async def test_a_start_that_fails_is_tried_again(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.socket.mkdir()
    supervisor = stage.supervisor()
    supervisor.start()
    async with stage.running(supervisor):
        await asyncio.to_thread(until, lambda: stage.failing > 1, "two failures")
        assert supervisor.is_failing
        assert "Is a directory" in caplog.text
        stage.socket.rmdir()
        await up(supervisor)
        await supervisor.stop(5)


async def test_a_program_that_is_not_there_is_named(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = stage.supervisor("/no/such/proxy")
    supervisor.start()
    async with stage.running(supervisor):
        await asyncio.to_thread(until, lambda: stage.failing > 0, "the failures")
    assert "The proxy ended (/no/such/proxy: there is no such program)" in caplog.text
    assert supervisor.starts == 0


async def test_a_proxy_that_did_not_hear_that_it_shall_end_is_told_again(stage: Stage) -> None:
    """As HAProxy's master, which executes itself anew just after its start."""
    deaf_once = "trap 'trap \"exit 0\" TERM' TERM; echo up >$0; while :; do sleep 0.01; done"
    is_up = stage.pid_file.with_name("up")
    supervisor = stage.supervisor("sh", "-c", deaf_once, str(is_up))
    async with stage.running(supervisor):
        supervisor.start()
        await up(supervisor)
        await asyncio.to_thread(until, is_up.exists, "its trap")
        async with asyncio.timeout(10):
            await supervisor.stop(20)
        assert supervisor.pid is None


def test_a_pid_that_was_given_out_anew_is_not_the_proxy(stage: Stage) -> None:
    files.replace(stage.pid_file, f"{os.getpid()} 1\n")
    assert stage.supervisor()._left_by_another() is None
