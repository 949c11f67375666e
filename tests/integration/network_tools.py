"""Networks in the integration tests: how they are removed, where they really are."""

from integration_tools import Api

from lab.cluster import Lab

PREDEFINED = {"bridge", "host", "none"}


def networks_on(lab: Lab) -> dict[str, list[dict[str, object]]]:
    """What each engine itself has beside Docker's own, by the host's name."""
    return {
        engine.plan.name: [
            row for row in Api(engine.socket).get("/networks") if row["Name"] not in PREDEFINED
        ]
        for engine in lab.engines
    }


def hosts_with(lab: Lab, name: str) -> list[str]:
    """The hosts that have a network of this name."""
    return [host for host, rows in networks_on(lab).items() if any(r["Name"] == name for r in rows)]


def remove_networks(lab: Lab) -> None:
    """Take every network of a test from the engines, and their containers before."""
    for engine in lab.engines:
        api = Api(engine.socket)
        for container in api.get("/containers/json?all=1"):
            api("DELETE", f"/containers/{container['Id']}?force=1&v=1")
        for row in api.get("/networks"):
            if row["Name"] not in PREDEFINED:
                api("DELETE", f"/networks/{row['Id']}")
