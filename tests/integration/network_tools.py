"""Networks in the integration tests: how they are removed, where they really are."""

from typing import Any

from integration_tools import Api, remove_containers

from lab.cluster import Lab

PREDEFINED = {"bridge", "host", "none"}


def made_networks(asked: Api) -> list[dict[str, Any]]:
    """What an engine or a manager has beside Docker's own."""
    return [row for row in asked.get("/networks") if row["Name"] not in PREDEFINED]


def networks_on(lab: Lab) -> dict[str, list[dict[str, Any]]]:
    """What each engine itself has beside Docker's own, by the host's name."""
    return {engine.plan.name: made_networks(Api(engine.socket)) for engine in lab.engines}


def hosts_with(lab: Lab, name: str) -> list[str]:
    """The hosts that have a network of this name."""
    return [host for host, rows in networks_on(lab).items() if any(r["Name"] == name for r in rows)]


def remove_networks(lab: Lab) -> None:
    """Take every network of a test from the engines, and their containers before."""
    for engine in [Api(engine.socket) for engine in lab.engines]:
        remove_containers(engine)
        for row in made_networks(engine):
            engine("DELETE", f"/networks/{row['Id']}")
