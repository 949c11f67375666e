"""`python -m lab VERB`: a local cluster of real engines, from the command line."""

import sys
import time
from collections.abc import Callable

import click

from lab.cluster import NEWER, Lab
from lab.daemon import Daemon
from lab.errors import LabError
from lab.host import Engine
from lab.install import install as install_programs
from lab.state import EngineState, other_labs

_NAME = click.option("--name", default="lab", show_default=True, help="Which lab.")


class _Verbs(click.Group):
    """Turns the lab's errors into one line and exit code 1."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except LabError as exc:
            raise click.ClickException(str(exc)) from exc


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Runs real Docker engines, a Consul and the swarm manager on this machine.

    Every engine is a host of its own, at 127.0.0.11:2375 and so on. `down` leaves nothing behind.
    """


@main.command()
def install() -> None:
    """Get the programs that this machine still lacks (Debian, root)."""
    programs = install_programs()
    for name in programs.__dataclass_fields__:
        click.echo(f"{name.replace('_', ' '):14} {getattr(programs, name)}")


@main.command()
@_NAME
@click.option("--engines", default=3, show_default=True, help="How many engines.")
@click.option("--consul", default=1, show_default=True, help="How many Consul servers.")
@click.option("--manager/--no-manager", default=True, help="Whether `swarm manage` runs.")
@click.option("--manager-port", type=int, help="Its port on 127.0.0.1 [default: 2375 or next].")
@click.option("--agents/--no-agents", default=True, help="Whether `swarm agent` runs on each host.")
@click.option(
    "--router",
    type=click.Choice(["haproxy", "nginx", "none"]),
    default="haproxy",
    show_default=True,
    help="The proxy that `swarm router` keeps at the edge.",
)
@click.option("--mixed", is_flag=True, help="Make the last engine a 26.1 with API 1.44 and up.")
def up(
    name: str,
    engines: int,
    consul: int,
    manager: bool,
    manager_port: int | None,
    agents: bool,
    router: str,
    mixed: bool,
) -> None:
    """Start a lab and wait until it works."""
    started = time.monotonic()
    install_programs()
    wanted = [EngineState()] * engines
    if mixed:
        wanted[-1] = NEWER
    lab = Lab(
        name,
        wanted,
        consul_servers=consul,
        agents=agents,
        manager=manager,
        manager_port=manager_port,
        router="" if router == "none" else router,
    )
    lab.up(keep_without_manager=True)
    _show(lab)
    click.echo(f"up after {time.monotonic() - started:.1f} s")


@main.command()
@_NAME
def down(name: str) -> None:
    """End a lab and remove everything of it."""
    Lab(name).down()


@main.command()
@_NAME
def status(name: str) -> None:
    """Say what runs."""
    if not any(lab.name == name for lab in other_labs()):
        others = ", ".join(lab.name for lab in other_labs()) or "none"
        raise LabError(f"no lab named {name!r} is up (up: {others})")
    _show(Lab.load(name))


@main.command()
@_NAME
def env(name: str) -> None:
    """Print the shell line that points docker to the manager."""
    click.echo(f"export DOCKER_HOST={Lab.load(name).manager.url}")


@main.command()
@_NAME
@click.argument("part", default="manager")
def logs(name: str, part: str) -> None:
    """Print what a part has logged."""
    click.echo(Lab.load(name).logs(part), nl=False)


def _show(lab: Lab) -> None:
    addresses = {engine.name: engine.url for engine in lab.engines}
    addresses |= {server.name: f"http://{server.endpoint}" for server in lab.consul_servers}
    addresses |= {"consul": lab.consul.ui, "registry": f"http://{lab.registry.endpoint}"}
    addresses |= {"manager": lab.manager.url, "router": f"http://{lab.router.endpoint}"}
    details = {
        engine.name: " ".join(f"{key}={value}" for key, value in engine.plan.labels.items())
        for engine in lab.engines
    }
    for name, status in lab.statuses().items():
        line = f"{name:14} {status:12} {addresses.get(name, ''):28} {details.get(name, '')}"
        click.echo(line.rstrip())


def _verb(name: str, text: str, act: Callable[[Engine | Daemon], None]) -> None:
    """Add a verb that takes the names of parts."""

    @main.command(name, help=text)
    @_NAME
    @click.argument("parts", nargs=-1, required=True)
    def run(name: str, parts: tuple[str, ...]) -> None:
        lab = Lab.load(name)
        for part in parts:
            act(lab.part(part))


def _engine(part: Engine | Daemon) -> Engine:
    if isinstance(part, Engine):
        return part
    raise LabError(f"{part.name} has no cable of its own: name an engine, such as dockerhost01")


_verb(
    "kill", "End a part without warning; for an engine, its host loses power.", lambda p: p.kill()
)
_verb("stop", "End a part in order; an engine's host stays on.", lambda p: p.stop())
_verb("restart", "End a part in order if it runs, and start it.", lambda p: p.restart())
_verb("pause", "Freeze a part: it takes connections and never answers.", lambda p: p.pause())
_verb("unpause", "Undo pause.", lambda p: p.unpause())
_verb("crash", "Kill dockerd alone; its containers run on.", lambda p: _engine(p).crash())
_verb("partition", "Lose every packet to and from a host.", lambda p: _engine(p).partition())
_verb("heal", "Undo partition and slow.", lambda p: _engine(p).heal())


@main.command()
@_NAME
@click.option("--delay", default=200, show_default=True, help="Milliseconds, each way.")
@click.argument("engines", nargs=-1, required=True)
def slow(name: str, delay: int, engines: tuple[str, ...]) -> None:
    """Hold every packet to and from a host back for a while."""
    lab = Lab.load(name)
    for engine in engines:
        _engine(lab.part(engine)).slow(delay / 1000)


if __name__ == "__main__":
    sys.exit(main())
