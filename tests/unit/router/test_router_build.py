"""Services become the model of an edge."""

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.rules.build import build
from router.rules.model import Model
from router.rules.wishes import Rules
from services.entry import ServiceEntry


def entry(
    service: str = "web", number: int = 1, port: int = 80, protocol: str = "tcp", **said: str
) -> ServiceEntry:
    return ServiceEntry(
        service,
        f"host{number}",
        f"c{number}",
        port,
        f"10.0.0.{number}",
        40000 + number,
        protocol,
        attributes=said,
    )


def routes(model: Model) -> dict[str, str]:
    return {f"{route.host}{route.path}": route.backend for route in model.routes}


def test_a_service_without_metadata_is_found_by_its_name() -> None:
    built = build([entry("deepthought", number) for number in (3, 1, 2)])
    assert routes(built.model) == {
        "deepthought": "deepthought-80",
        "deepthought-80": "deepthought-80",
    }
    (backend,) = built.model.backends
    assert [server.address for server in backend.servers] == [
        "10.0.0.1:40001",
        "10.0.0.2:40002",
        "10.0.0.3:40003",
    ]
    assert (built.refusals, built.conflicts) == ((), ())


def test_with_a_domain_it_is_found_there_too() -> None:
    built = build([entry()], rules=Rules(domain="example.org"))
    assert {"web.example.org", "web-80.example.org"} < routes(built.model).keys()


def test_the_first_port_of_a_service_has_its_bare_name() -> None:
    built = build([entry(port=8080), entry(port=80), entry(port=443)])
    assert routes(built.model)["web"] == "web-80"
    assert routes(built.model)["web-8080"] == "web-8080"
    assert built.conflicts == ()


def test_said_hosts_take_the_place_of_the_names() -> None:
    built = build([entry(vhost="Shop.example.org, www.example.org", path="/a/b/")])
    assert set(routes(built.model)) == {"shop.example.org/a/b", "www.example.org/a/b"}


def test_containers_of_one_service_may_say_different_hosts() -> None:
    built = build([entry(number=1, vhost="old.org"), entry(number=2, vhost="new.org")])
    assert routes(built.model) == {"old.org": "web-80", "new.org": "web-80"}
    assert len(built.model.backends[0].servers) == 2


def test_two_claims_of_one_age_go_to_the_first_by_name() -> None:
    built = build([entry("b", 1, vhost="x.org"), entry("a", 2, vhost="x.org")])
    assert routes(built.model) == {"x.org": "a-80"}
    assert [str(one) for one in built.conflicts] == [
        "http://x.org/ goes to a-80, though b-80 claims it too"
    ]


def test_a_look_alike_in_capitals_does_not_push_a_service_aside() -> None:
    built = build([entry("WEB", 1), entry("web", 2)])
    assert [backend.name for backend in built.model.backends] == ["web-80"]
    assert [one.loser for one in built.conflicts] == ["WEB-80"]


def test_paths_share_a_host() -> None:
    built = build([entry("api", vhost="x.org", path="/api"), entry("web", vhost="x.org")])
    assert routes(built.model) == {"x.org/api": "api-80", "x.org": "web-80"}
    (virtual,) = built.model.virtual_hosts
    assert virtual.paths == (("/api", "api-80"), ("", "web-80"))


def test_weight_and_backup_are_a_container_s_own() -> None:
    built = build([entry(number=1, weight="20"), entry(number=2, backup="true")])
    one, two = built.model.backends[0].servers
    assert (one.weight, one.is_backup, two.weight, two.is_backup) == (20, False, 1, True)


def test_what_holds_for_the_service_is_said_by_its_first_container() -> None:
    built = build([entry(number=2, balance="random"), entry(number=1, balance="leastconn")])
    assert built.model.backends[0].balance == "leastconn"
    assert [one.what for one in built.conflicts] == ["SERVICE_BALANCE of web-80"]


def test_a_tcp_service_has_a_port_and_no_host() -> None:
    built = build([entry("db", port=3306, mode="tcp", listen="13306")])
    assert [(one.port, one.backend) for one in built.model.listeners] == [(13306, "db-3306")]
    assert built.model.routes == ()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"mode": "tcp"}, "SERVICE_LISTEN has to name a port"),
        ({"mode": "tcp", "listen": "22"}, "the edge gives out the ports 1024 to 65535"),
        ({"mode": "tcp", "listen": "8480"}, "somebody else has this port"),
        ({"mode": "tcp", "listen": "70000"}, "not a number from 1 to 65535"),
    ],
)
def test_a_tcp_service_without_a_good_port_is_left_out(said: dict[str, str], reason: str) -> None:
    built = build([entry(**said), entry("other")], rules=Rules(taken_ports=frozenset({8480})))
    assert [backend.name for backend in built.model.backends] == ["other-80"]
    assert reason in built.refusals[0].reason


def test_two_claims_of_one_age_on_a_port_go_to_the_first_by_name() -> None:
    built = build([entry("b", mode="tcp", listen="5000"), entry("a", 2, mode="tcp", listen="5000")])
    assert [one.backend for one in built.model.listeners] == ["a-80"]
    assert [one.loser for one in built.conflicts] == ["b-80"]
    assert [backend.name for backend in built.model.backends] == ["a-80"]


def test_a_proxy_without_a_module_for_tcp_leaves_such_services_out() -> None:
    built = build([entry(mode="tcp", listen="5000")], rules=Rules(has_tcp=False))
    assert built.model == Model()
    assert "no module" in built.refusals[0].reason


def test_udp_ports_are_passed_over() -> None:
    assert build([entry(protocol="udp")]).model == Model()


def test_a_bad_value_costs_only_itself() -> None:
    built = build(
        [entry(vhost="good.org,bad\nhost", weight="heavy", balance="{{ 7 }}", check_http="x")]
    )
    assert routes(built.model) == {"good.org": "web-80"}
    assert [(one.attribute, one.container) for one in built.refusals] == [
        ("SERVICE_BALANCE", "host1:c1:80"),
        ("SERVICE_CHECK_HTTP", "host1:c1:80"),
        ("SERVICE_VHOST", "host1:c1:80"),
        ("SERVICE_WEIGHT", "host1:c1:80"),
    ]


def test_a_refusal_shows_only_the_beginning_of_a_long_value() -> None:
    (refusal,) = build([entry(weight="9" * 1_000_000)]).refusals
    assert len(str(refusal)) < 250


def test_one_service_cannot_claim_without_end() -> None:
    hosts = ",".join(f"h{number}.org" for number in range(5000))
    built = build([entry(vhost=hosts)])
    assert len(built.model.routes) == 32
    assert any("more than 32" in one.reason for one in built.refusals)


def test_a_service_that_ended_keeps_its_routes_until_another_claims_them() -> None:
    gone = entry("gone", vhost="x.org")
    built = build([entry()], [gone])
    assert routes(built.model)["x.org"] == "gone-80"
    assert built.model.backend_of["gone-80"].servers == ()
    taken = build([entry("zzz", vhost="x.org")], [gone])
    assert routes(taken.model)["x.org"] == "zzz-80"


def came(service: str, created: int, number: int = 1, **said: str) -> ServiceEntry:
    return replace(entry(service, number, **said), created=created)


def test_what_two_claim_goes_to_the_one_that_came_first() -> None:
    shop = came("shop", 50, vhost="shop.org", path="/api")
    thief = came("aaa", 60, 2, vhost="shop.org", path="/api")
    built = build([thief, shop])
    assert routes(built.model) == {"shop.org/api": "shop-80"}
    assert [str(one) for one in built.conflicts] == [
        "http://shop.org/api goes to shop-80, though aaa-80 claims it too"
    ]


def test_a_port_of_the_edge_goes_to_the_one_that_came_first() -> None:
    db = came("db", 50, mode="tcp", listen="5000")
    built = build([came("aaa", 60, 2, mode="tcp", listen="5000"), db])
    assert [one.backend for one in built.model.listeners] == ["db-80"]
    assert [one.loser for one in built.conflicts] == ["aaa-80"]


def test_a_name_goes_to_the_one_that_came_first_whatever_its_case() -> None:
    built = build([came("Web", 50), came("web", 60, 2)])
    assert [backend.name for backend in built.model.backends] == ["Web-80"]


def test_a_claim_is_as_old_as_the_container_that_makes_it() -> None:
    shop = [came("shop", 10, 1), came("shop", 70, 2, vhost="new.org")]
    built = build([*shop, came("zzz", 60, 3, vhost="new.org")])
    assert routes(built.model)["new.org"] == "zzz-80"
    assert routes(built.model)["shop"] == "shop-80"


def test_a_known_claim_is_older_than_any_index_says() -> None:
    known = build([came("shop", 50, vhost="shop.org")]).claims
    # After a rolling update the service has only young entries.
    updated = [came("shop", 90, 3, vhost="shop.org"), came("aaa", 60, 2, vhost="shop.org")]
    places = {claim: place for place, claim in enumerate(known)}
    assert routes(build(updated, seniority=places).model) == {"shop.org": "shop-80"}
    assert routes(build(updated).model) == {"shop.org": "aaa-80"}


def test_a_second_port_claims_as_its_service_does() -> None:
    first = replace(entry("web", port=8080), created=10)
    built = build([first, replace(entry("web", 2), created=20), came("other", 15, vhost="web")])
    assert routes(built.model)["web"] == "web-80"


def test_claims_are_told_the_oldest_first() -> None:
    claims = build([came("b", 20, vhost="x.org"), came("a", 30, vhost="x.org")]).claims
    assert [service for what, service in claims if what == "http://x.org/"] == ["b", "a"]


def test_a_thousand_claims_on_one_host_take_no_time() -> None:
    entries = [came(f"s{number}", number, vhost="x.org") for number in range(1000)]
    began = time.perf_counter()
    assert len(build(entries).conflicts) == 999
    assert time.perf_counter() - began < 2


TEXTS = st.text(st.sampled_from("a.-_/ \n\r\t\"'{}%$#;:?\\0é*,"), max_size=12) | st.text(
    max_size=12
)
SAID = ("vhost", "path", "mode", "listen", "weight", "backup", "balance", "check_http")
ENTRIES = st.lists(
    st.builds(
        entry,
        st.sampled_from(["web", "WEB", "a.b", "x_"]),
        st.integers(1, 4),
        st.sampled_from([80, 443]),
        **dict.fromkeys(SAID, TEXTS),
    ),
    max_size=6,
)


@given(ENTRIES)
def test_the_order_of_the_entries_changes_nothing(entries: list[ServiceEntry]) -> None:
    unique = {(one.folder, one.id): one for one in entries}
    assert build(unique.values()) == build(reversed(list(unique.values())))


@given(ENTRIES)
def test_no_route_leads_nowhere_and_no_text_has_a_meaning(entries: list[ServiceEntry]) -> None:
    model = build(entries).model
    names = {backend.name for backend in model.backends}
    assert {route.backend for route in model.routes} <= names
    assert {listener.backend for listener in model.listeners} <= names
    texts = [route.host + route.path for route in model.routes]
    texts += [backend.name + backend.check_path for backend in model.backends]
    texts += [server.name for backend in model.backends for server in backend.servers]
    assert not set("".join(texts)) & set(" \t\r\n\"'{}%$#;\\*,")
