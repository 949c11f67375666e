"""What runs beside an engine, put together from settings: join, registrator, or both."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from agent.endpoint import MetricsEndpoint
from agent.figures import Figures
from agent.join import JoinTimes, join
from agent.parts import Part, run_parts
from agent.registrator import Registrator, RegistratorSettings
from agent.signals import until_signalled
from common.metrics import render
from discovery.base import Address
from discovery.consul_register import check_ttl
from discovery.opening import open_discovery


@dataclass(frozen=True, slots=True)
class JoinSettings:
    """What the command line says of joining."""

    uri: str
    options: Mapping[str, str]
    environ: Mapping[str, str]
    address: Address
    times: JoinTimes


def run(
    registrator: RegistratorSettings,
    *,
    joining: JoinSettings | None = None,
    metrics: tuple[str, int] | None = None,
) -> None:
    """Run until SIGTERM or SIGINT.

    Args:
        registrator: what to register.
        joining: what to join; None: nothing.
        metrics: host and port of the page of figures; None: none.

    Raises:
        DiscoveryError: the settings can never work.
        ValueError: a TLS file cannot be used.
    """
    check_ttl(registrator.ttl_s)
    figures = Figures()
    first = Registrator(registrator, figures)  # what is wrong with the settings shows here
    parts: dict[str, Part] = {"registrator": _restartable(first, registrator, figures)}
    if joining is not None:
        parts["join"] = _join_part(joining, figures)
    if metrics is not None:
        endpoint = MetricsEndpoint(*metrics, lambda: render(figures.metrics()), figures.troubles)
        parts["metrics"] = endpoint.run
    asyncio.run(until_signalled(run_parts(parts)))


def _restartable(first: Registrator, settings: RegistratorSettings, figures: Figures) -> Part:
    prepared = [first]

    async def part() -> None:
        one = prepared.pop() if prepared else Registrator(settings, figures)
        await one.run()

    return part


def _join_part(joining: JoinSettings, figures: Figures) -> Part:
    def note(is_known: bool) -> None:
        figures.joined = is_known

    async def part() -> None:
        note(False)
        discovery = open_discovery(
            joining.uri,
            joining.options,
            environ=joining.environ,
            heartbeat_s=joining.times.heartbeat_s,
        )
        try:
            await join(discovery, joining.address, joining.times, on_beat=note)
        finally:
            await discovery.aclose()

    return part
