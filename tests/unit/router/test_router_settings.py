"""The command line of `swarm router`."""

from pathlib import Path

import pytest

from router.settings import OwnTemplate, Settings
from swarm.flags import UsageError, parse
from swarm.router_flags import FLAGS
from swarm.router_settings import settings_of

URI = "consul://c:8500/services"


def settings(*argv: str) -> Settings:
    return settings_of(parse(FLAGS, argv, {}))


def test_a_router_needs_only_to_know_where_the_services_are() -> None:
    found = settings(URI)
    assert str(found.target) == URI
    assert (found.kind, found.edge.http_address, found.wait_s) == ("haproxy", "0.0.0.0:80", (1, 5))
    assert found.config == Path("/var/lib/swarm-router/haproxy.cfg")
    assert found.status == ("127.0.0.1", 8480)
    assert found.rules.taken_ports == {80, 8480}


def test_the_services_place_can_stand_in_the_environment() -> None:
    assert str(settings_of(parse(FLAGS, [], {"SWARM_SERVICES": URI})).target) == URI


def test_auto_runs_the_proxy_in_the_usual_way() -> None:
    assert settings("--exec=auto", "--haproxy=/opt/h", URI).run == "/opt/h -W -db -f {}"
    assert settings("--exec=auto", "--proxy=nginx", URI).run == "nginx -c {} -g 'daemon off;'"


def test_a_template_has_a_target_and_perhaps_a_command() -> None:
    found = settings("--template", "a.j2:/b", "--template", "/c.j2:/d:sh -c 'x:y'", URI)
    assert found.templates == (
        OwnTemplate(Path("a.j2"), Path("/b")),
        OwnTemplate(Path("/c.j2"), Path("/d"), "sh -c 'x:y'"),
    )


@pytest.mark.parametrize(("text", "wait_s"), [("2s", (2, 8)), ("2s:3s", (2, 3)), ("0s:0s", (0, 0))])
def test_the_longest_wait_is_four_times_the_shortest_unless_said(
    text: str, wait_s: tuple[float, float]
) -> None:
    assert settings("--wait", text, URI).wait_s == wait_s


def test_an_ipv6_edge_has_brackets() -> None:
    assert settings("--http", "[::1]:8080", URI).edge.http_address == "[::1]:8080"


def test_a_haproxy_that_root_starts_does_not_stay_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert settings("--exec=auto", URI).edge.user in {"haproxy", "nobody"}
    assert settings("--exec=auto", "--user=daemon", URI).edge.user == "daemon"
    assert settings("--exec=auto", "--user=daemon", URI).edge.group == "daemon"
    assert settings("--exec=auto", "--user=none", URI).edge.user == ""
    assert settings("--exec=auto", "--proxy=nginx", URI).edge.user == ""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert settings("--exec=auto", URI).edge.user == ""


def test_whether_somebody_else_s_haproxy_starts_as_root_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert settings("--reload=x", URI).edge.user == ""
    assert settings("--reload=x", "--user=daemon", URI).edge.user == "daemon"


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        ([], "the services' place is required"),
        (["nodes://a:1"], "a router reads services from Consul"),
        (["consul://c:8500"], "a router reads services from Consul"),
        (["--proxy=squid", URI], 'unknown --proxy "squid"'),
        (["--http=web", URI], "invalid --http"),
        (["--http=0", URI], "--http needs a port"),
        (["--tcp-ports=9-5", URI], "of the form FROM-TO"),
        (["--tcp-ports=x", URI], "invalid --tcp-ports"),
        (["--domain=a b", URI], "invalid --domain"),
        (["--wait=5s:1s", URI], "MAX should not be less than MIN"),
        (["--wait=x", URI], "invalid --wait"),
        (["--drain=-1s", URI], "--drain should not be a negative number"),
        (["--template=x", URI], "of the form FROM:TO"),
        (["--check=haproxy '", URI], "invalid --check"),
        (["--exec=auto", "--reload=x", URI], "exclude each other"),
        (["--config=/tmp/a b", URI], "cannot name"),
        (["--config=/tmp/a,b", URI], "cannot name"),
        (["--user=nobody-of-this-name", URI], "--user: there is no account"),
        (["--config=/" + "a" * 90, URI], "too long for a unix socket"),
    ],
)
def test_what_cannot_be_used_is_said_in_words(argv: list[str], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        settings(*argv)
