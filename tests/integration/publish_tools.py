"""A manager with ``--publish``, over a lab's engines."""

from pathlib import Path

from integration_tools import Manager

from lab.cluster import Lab
from tests.fakes.ports import free_port


def address_of(lab: Lab) -> str:
    """An address of this machine that only this lab uses, and none of its engines."""
    return lab.registry.endpoint.partition(":")[0]


class PublishingManager(Manager):
    """Clients reach it at the address where the ports are, as they do in life."""

    def __init__(self, lab: Lab, folder: Path, where: str) -> None:
        place = f"{address_of(lab)}:{free_port()}"
        self._url = f"tcp://{place}"
        hosts = ",".join(engine.plan.endpoint for engine in lab.engines)
        options = ("-H", self._url, "--publish", where, f"nodes://{hosts}")
        super().__init__(folder, *options, nodes=len(lab.engines))

    @property
    def url(self) -> str:
        """Address for ``docker -H``."""
        return self._url
