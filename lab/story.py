"""Tells a story on a cluster: runs what a user would type, shows it, and checks every answer."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lab.http import call
from lab.processes import clean_environment

_STATUS_OK = 200
_COMMAND_TIMEOUT_S = 60
_REPOSITORY = Path(__file__).resolve().parent.parent


class WrongAnswerError(Exception):
    """The cluster said something else than it should."""


class Story:
    """Runs docker against one manager, prints what happens, and checks it."""

    def __init__(self, url: str) -> None:
        """*url* is the manager's ``tcp://host:port``."""
        self._url = url
        self._health: dict[str, str] = {}

    def docker(self, command: str, *, given: str = "", fails: bool = False) -> str:
        """Run ``docker COMMAND`` and return what it printed; *given* is its standard input.

        Raises:
            WrongAnswerError: it failed, or (*fails*) did not.
        """
        shown = f"docker -H {self._url} {command}"
        print(f"\n$ {f'echo {given.strip()} | ' if given else ''}{shown}", flush=True)
        done = subprocess.run(
            ["docker", "-H", self._url, *shlex.split(command)],
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_COMMAND_TIMEOUT_S,
            check=False,
            env=clean_environment(),
        )
        print(done.stdout.rstrip(), flush=True)
        if (done.returncode != 0) is not fails:
            raise WrongAnswerError(f"exit code {done.returncode} of: {shown}")
        return done.stdout.strip()

    def swarm(self, command: str) -> str:
        """Run ``swarm COMMAND`` and return what it printed.

        Raises:
            WrongAnswerError: it failed.
        """
        print(f"\n$ swarm {command}", flush=True)
        done = subprocess.run(
            [sys.executable, "-m", "swarm", *shlex.split(command)],
            capture_output=True,
            text=True,
            timeout=_COMMAND_TIMEOUT_S,
            check=False,
            cwd=_REPOSITORY,
        )
        print(done.stdout.rstrip(), flush=True)
        if done.returncode != 0:
            raise WrongAnswerError(f"swarm {command}: {done.stderr.strip()}")
        return done.stdout

    def curl(self, endpoint: str, name: str = "") -> str:
        """Ask ``http://ENDPOINT/``, as virtual host *name* if given, and return the answer.

        Raises:
            WrongAnswerError: there was no good one.
        """
        wanted = f"-H 'Host: {name}' " if name else ""
        print(f"\n$ curl {wanted}http://{endpoint}/", flush=True)
        try:
            answer = call("GET", endpoint, "/", headers={"Host": name or endpoint})
        except OSError as exc:
            raise WrongAnswerError(f"http://{endpoint}/ did not answer: {exc}") from exc
        text = answer.body.decode(errors="replace").strip()
        print(text, flush=True)
        if answer.status != _STATUS_OK:
            raise WrongAnswerError(f"http://{endpoint}/ answered with {answer.status}")
        return text

    def health_of(self, node: str) -> str:
        """Ask ``docker info`` for a node's status, and print that line if it is another one now."""
        info = subprocess.run(
            ["docker", "-H", self._url, "info"],
            capture_output=True,
            text=True,
            timeout=_COMMAND_TIMEOUT_S,
            check=True,
            env=clean_environment(),
        ).stdout
        _, _, lines = info.partition(f"\n  {node}: ")
        status = lines.partition("Status: ")[2].partition("\n")[0]
        if status != self._health.get(node):
            self._health[node] = status
            print(f"$ docker -H {self._url} info | grep -A2 {node}\n  {node}: Status: {status}")
        return status

    def node_of(self, container: str) -> str:
        """Ask where a container runs."""
        return self.docker(f"inspect --format '{{{{.Node.Name}}}}' {container}")

    def expect(self, claim: str, *, holds: bool) -> None:
        """Say what was checked.

        Raises:
            WrongAnswerError: it does not hold.
        """
        if not holds:
            raise WrongAnswerError(f"this should be so, and is not: {claim}")
        print(f"  ✓ {claim}", flush=True)

    def until(self, claim: str, holds: Callable[[], bool], limit_s: float) -> None:
        """Wait for something to become true.

        Raises:
            WrongAnswerError: it did not within *limit_s* seconds.
        """
        started = time.monotonic()
        while not holds():
            if time.monotonic() - started > limit_s:
                raise WrongAnswerError(f"not within {limit_s:.0f} s: {claim}")
            time.sleep(0.2)
        self.expect(f"{claim} (after {time.monotonic() - started:.1f} s)", holds=True)


def title(text: str) -> None:
    """Begin a chapter."""
    print(f"\n\033[1m== {text}\033[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)
