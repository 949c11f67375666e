"""One Docker engine as a host of its own.

A host is a set of namespaces (processes, mounts, network, host name) around one dockerd: its own
iptables, docker0, /run and containers, under an address of its own. Its first process does nothing
but exist; killing it is a power cut, after which the kernel leaves nothing of the host running.
"""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from lab import delay, network
from lab.addresses import HostPlan, LabPlan
from lab.daemon import Daemon
from lab.errors import LabError
from lab.http import call, wait_for
from lab.install import Programs
from lab.processes import HELPER, Process, clean_environment, end_all, spawn
from lab.state import EngineState, Store

_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 40.0
"""dockerd gives containers 10 s to end, then itself 15 s."""
_FIRST_PROCESS = """
mount -t tmpfs -o mode=755 tmpfs /run && hostname "$1" || exit 1
# This shell is process 1 of the host. While it waits for its child it also collects every orphan,
# which is what a first process is for.
while :; do sleep 86400; done
"""
_INSIDE_TIMEOUT_S = 5.0


class Engine:
    """A dockerd on a host of its own; the verbs act at once and wait until they took effect."""

    def __init__(
        self,
        store: Store,
        lab: LabPlan,
        plan: HostPlan,
        wanted: EngineState,
        programs: Callable[[], Programs],
    ) -> None:
        self.plan = plan
        self.name = plan.name
        self.folder = store.data / plan.name
        self.agent: Daemon | None = None
        """What runs `swarm agent` beside the engine, if the lab has agents."""
        self._store = store
        self._lab = lab
        self._wanted = wanted
        self._programs = programs

    @property
    def url(self) -> str:
        """Address for ``docker -H``: ``tcp://127.0.0.11:2375``."""
        return f"tcp://{self.plan.endpoint}"

    @property
    def socket(self) -> Path:
        """The engine's unix socket, reachable also while the host is partitioned."""
        return self.folder / "docker.sock"

    @property
    def log(self) -> Path:
        """What dockerd wrote."""
        return self._store.folder / f"{self.name}.log"

    @property
    def first_process(self) -> Process | None:
        """Process 1 of the host as seen from outside, or None when the host is off."""
        return self._store.process(f"{self.name}/init")

    def start(self) -> None:
        """Switch the host on if it is off, start dockerd if it does not run, wait for its API.

        Raises:
            LabError: the host or dockerd did not come up; carries the log's last lines.
        """
        inside = self.first_process or self._switch_on()
        daemon = self._daemon()
        if daemon is None:
            daemon = self._start_daemon(inside)
        wait_for(f"engine {self.name}", self.answers, daemon.alive, self.log, _START_TIMEOUT_S)

    def answers(self) -> bool:
        """Whether the API answers at the advertised address.

        Raises:
            OSError: nobody answers there.
        """
        return call("GET", self.plan.endpoint, "/_ping", timeout_s=2).body == b"OK"

    def kill(self) -> None:
        """Cut the host's power: engine, agent and containers vanish without a word."""
        switch = self._store.process("switch")
        if switch is not None:
            # A machine without power says no farewell; dying processes would close connections.
            network.unplug(switch, self.plan)
            self._end_delay(switch)
        keys = [self.name, f"{self.name}/init"]
        for inside in (f"{self.name}/dockerd", self.plan.agent):
            keys += [inside, f"{inside}/helper"]
        end_all(one for one in map(self._store.process, keys) if one is not None)
        self._forget(*keys)

    def stop(self) -> None:
        """End dockerd in order; the host stays on, so its port is closed and says so."""
        self._end_daemon(signal.SIGTERM)

    def crash(self) -> None:
        """Kill dockerd alone; its containers run on and its port is closed."""
        self._end_daemon(signal.SIGKILL)

    def restart(self) -> None:
        """End dockerd in order, if it runs, and start it again.

        A host that is off is switched on, its agent with it, as services start with a machine.
        """
        was_off = self.first_process is None
        self.stop()
        self.start()
        if was_off and self.agent is not None:
            self.agent.start()

    def pause(self) -> None:
        """Freeze dockerd and containerd: the API takes connections and never answers."""
        for process in self._daemons():
            if process.command() != HELPER:
                process.freeze()

    def unpause(self) -> None:
        """Undo `pause`."""
        for process in self._daemons():
            process.send(signal.SIGCONT)

    def partition(self) -> None:
        """Cut the host's cable: every packet is lost, silently."""
        switch, inside = self._both_ends()
        network.cut(switch, inside, self.plan)

    def slow(self, delay_s: float) -> None:
        """Hold every packet to and from the host back by *delay_s* seconds, each way.

        Raises:
            LabError: the host is off, or this kernel has no virtual network devices.
        """
        switch, _inside = self._both_ends()
        self._end_delay(switch)
        near, far = network.delay_ends(self.plan)
        program = str(Path(delay.__file__))
        command = [sys.executable, "-S", program, near, far, str(delay_s)]
        log = self._store.folder / f"{self.name}-delay.log"
        nsenter = shutil.which(HELPER) or f"/usr/bin/{HELPER}"
        # Without a process namespace to enter, nsenter becomes the program itself.
        prefix = [nsenter, "-t", str(switch.pid), "-n", "--"]
        process = spawn([*prefix, *command], log, str(self._store.folder))
        self._store.set_process(f"{self.name}/delay", process)
        ready = partial(network.has_device, switch, far)
        wait_for(f"the delay of {self.name}", ready, process.alive, log, _INSIDE_TIMEOUT_S)
        network.detour(switch, self.plan)

    def heal(self) -> None:
        """Undo `partition` and `slow`."""
        switch, inside = self._both_ends()
        network.mend(switch, inside, self.plan)
        self._end_delay(switch)

    def docker(self, *arguments: str, check: bool = True) -> str:
        """Run the docker client against this engine directly and return its output, stripped.

        Raises:
            LabError: the client failed and *check* is set.
        """
        command = [str(self._programs().docker), "-H", self.url, *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=clean_environment()
        )
        if check and done.returncode != 0:
            raise LabError(f"docker {' '.join(arguments)} on {self.name}: {done.stderr.strip()}")
        return done.stdout.strip()

    def status(self) -> str:
        """Return ``up``, ``hangs``, ``engine down`` or ``off``."""
        if self.first_process is None:
            return "off"
        if self._daemon() is None:
            return "engine down"
        try:
            return "up" if self.answers() else "hangs"
        except OSError:
            return "hangs"

    def enter(
        self, command: Sequence[str], log: Path, key: str, extra: dict[str, str] | None = None
    ) -> Process:
        """Start *command* on this host (its network and processes, this machine's files).

        Raises:
            LabError: the host is off, or the command did not start.
        """
        inside = self.first_process
        if inside is None:
            raise LabError(f"{self.name} is off: `restart {self.name}` first")
        return self._spawn_inside(inside, command, log, key, "unp", extra)

    def _switch_on(self) -> Process:
        self.folder.mkdir(parents=True, exist_ok=True)
        unshare = shutil.which("unshare")
        shell = shutil.which("sh")
        if unshare is None or shell is None:
            raise LabError("unshare and sh are missing: install util-linux and dash")
        flags = "--fork --kill-child --pid --mount --propagation private --mount-proc --uts --net"
        command = [unshare, *flags.split(), "--ipc", shell, "-c", _FIRST_PROCESS, "sh", self.name]
        log = self._store.folder / f"{self.name}-host.log"
        outside = spawn(command, log, str(self._store.folder))
        self._store.set_process(self.name, outside)
        inside = _only_child(outside, "sh", log)
        _only_child(inside, "sleep", log)
        self._store.set_process(f"{self.name}/init", inside)
        switch = self._store.process("switch")
        if switch is None:
            raise LabError("the lab's network is gone: take the lab down and up again")
        network.connect_host(switch, inside, self._lab, self.plan)
        return inside

    def _start_daemon(self, inside: Process) -> Process:
        programs = self._programs()
        program = programs.newer_dockerd if self._wanted.generation else programs.dockerd
        config = self.folder / "daemon.json"
        config.write_text(json.dumps(self._configuration(program), indent=2), encoding="utf-8")
        # A daemon that was killed leaves its pid file; in a host's own process table the same id
        # soon belongs to somebody else, and the next daemon would refuse to start.
        command = [str(program), "--config-file", str(config)]
        shell = f'rm -f /run/docker.pid; PATH="{program.parent}:$PATH"; exec "$@"'
        extra = {}
        if self._wanted.minimum_api:
            extra["DOCKER_MIN_API_VERSION"] = self._wanted.minimum_api
        return self._spawn_inside(
            inside,
            ["sh", "-c", shell, "sh", *command],
            self.log,
            f"{self.name}/dockerd",
            namespaces="muinp",
            extra=extra,
        )

    def _spawn_inside(
        self,
        inside: Process,
        command: Sequence[str],
        log: Path,
        key: str,
        namespaces: str,
        extra: dict[str, str] | None = None,
    ) -> Process:
        """Run *command* in some of the host's namespaces; return it, not the helper around it."""
        nsenter = shutil.which(HELPER) or f"/usr/bin/{HELPER}"
        prefix = [nsenter, "-t", str(inside.pid), *(f"-{kind}" for kind in namespaces), "--"]
        helper = spawn([*prefix, *command], log, str(self._store.folder), extra)
        self._store.set_process(f"{key}/helper", helper)
        process = _only_child(helper, "", log)
        self._store.set_process(key, process)
        return process

    def _configuration(self, program: Path) -> dict[str, object]:
        mirror = f"{self._lab.gateway}:{self._lab.registry_port}"
        settings: dict[str, object] = {
            "hosts": [self.url, f"unix://{self.socket}", "unix:///run/docker.sock"],
            "tls": False,
            "data-root": str(self.folder / "data"),
            "labels": [f"{key}={value}" for key, value in self.plan.labels.items()],
            "registry-mirrors": [f"http://{mirror}"],
            "insecure-registries": [mirror],
            # A cgroup of the lab's own, so that `down` knows what to remove after a power cut.
            "cgroup-parent": f"/swarm-lab/{self._store.folder.name}/{self.name}",
            "exec-opts": ["native.cgroupdriver=cgroupfs"],
        }
        if _major(program) < 23:  # noqa: PLR2004 - the release that moved the ID
            # Before Engine 23 the engine's ID is made from a key in /etc/docker, which all hosts
            # of this machine share; later it is kept in the data folder.
            settings["deprecated-key-path"] = str(self.folder / "key.json")
        return settings

    def _daemon(self) -> Process | None:
        return self._store.process(f"{self.name}/dockerd")

    def _daemons(self) -> list[Process]:
        """Return dockerd, its containerd and the helper that waits for dockerd."""
        daemon = self._daemon()
        if daemon is None:
            raise LabError(f"no engine runs on {self.name}: `restart {self.name}` first")
        helper = self._store.process(f"{self.name}/dockerd/helper")
        containerd = [child for child in daemon.children() if child.command() == "containerd"]
        # nsenter stops itself with its child and must be woken with it.
        return [daemon, *containerd, *([helper] if helper else [])]

    def _end_daemon(self, number: signal.Signals) -> None:
        daemon = self._daemon()
        if daemon is None:
            return
        daemons = self._daemons()
        daemon.send(number)
        for process in daemons:
            # One that was paused hears no SIGTERM until it goes on.
            process.send(signal.SIGCONT)
        if not daemon.gone_within(_STOP_TIMEOUT_S):
            raise LabError(f"dockerd of {self.name} does not stop; `kill {self.name}` will")
        self._forget(f"{self.name}/dockerd", f"{self.name}/dockerd/helper")

    def _end_delay(self, switch: Process) -> None:
        network.straighten(switch, self.plan)
        process = self._store.process(f"{self.name}/delay")
        if process is not None:
            end_all([process])
            self._forget(f"{self.name}/delay")

    def _both_ends(self) -> tuple[Process, Process]:
        switch, inside = self._store.process("switch"), self.first_process
        if switch is None or inside is None:
            raise LabError(f"{self.name} is off: `restart {self.name}` first")
        return switch, inside

    def _forget(self, *keys: str) -> None:
        for key in keys:
            self._store.set_process(key, None)


def _only_child(parent: Process, command: str, log: Path) -> Process:
    """Wait until *parent* has forked its child and, if given, the child runs *command*."""
    deadline = time.monotonic() + _INSIDE_TIMEOUT_S
    while parent.alive() and time.monotonic() < deadline:
        for child in parent.children():
            if not command or child.command() == command:
                return child
        time.sleep(0.01)
    text = log.read_text(encoding="utf-8", errors="replace").strip()
    raise LabError(f"a host could not be made: {text or 'its first process did not start'}")


def _major(program: Path) -> int:
    """Return the first number of dockerd's version."""
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return int(done.stdout.split("version ", 1)[1].split(".", 1)[0])
