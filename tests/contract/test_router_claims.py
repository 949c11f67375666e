"""A host belongs to the service that claimed it first, through real proxies and a real Consul."""

from pathlib import Path

import pytest
from discovery_consul_server import ConsulServer

from tests.fakes.edge import Backend, Registry, RouterProcess, ask, until

pytestmark = [pytest.mark.contract, pytest.mark.timeout(120)]


@pytest.mark.parametrize("kind", ["haproxy", "nginx"])
def test_a_running_shop_keeps_its_host(consul: ConsulServer, tmp_path: Path, kind: str) -> None:
    registry = Registry(f"127.0.0.1:{consul.ports['http']}")
    with Backend("old") as old, Backend("new") as new, Backend("thief") as thief:
        registry.put(old.entry("shop", vhost="shop.org"))
        with RouterProcess(tmp_path, kind, registry.uri) as router:

            def answered_by(name: str) -> None:
                def is_so() -> bool:
                    answers = {ask(router.port, "shop.org")[1] for _ in range(4)}
                    assert "thief /" not in answers
                    return answers == {f"{name} /"}

                # Nginx's workers of before take connections for 0.1 s beside the new ones.
                until(lambda: router.answers("shop.org"), f"the shop: {router.text()}")
                until(is_so, f"answers by {name} alone")

            router.until_up()
            answered_by("old")
            registry.put(thief.entry("aaa", vhost="shop.org"))
            until(lambda: router.status()["conflicts"], "the conflict")
            answered_by("old")
            told = "http://shop.org/ goes to shop-80, though aaa-80 claims it too"
            assert router.status()["conflicts"] == [told]
            assert told in router.text()
            assert "swarm_router_conflicts 1" in router.metrics()

            # A rolling update: from now on all of the shop's keys are younger than the thief's.
            registry.put(new.entry("shop", vhost="shop.org"))
            until(lambda: router.status()["servers"] == 2, "the new one")
            registry.remove(old.entry("shop", vhost="shop.org"))
            until(lambda: router.status()["servers"] == 1, "the end of the old one")
            answered_by("new")

            # And a router that starts anew knows only what it has written down.
            router.stop()
            router.start()
            router.until_up()
            registry.put(old.entry("other"))
            until(lambda: router.answers("other"), "the next change")
            answered_by("new")
