"""How a registration looks in Consul's catalog."""

from typing import Any

import pytest

from agent.rules.catalog import (
    DIGEST,
    ENGINE,
    HOST,
    definition_of,
    digest_of,
    is_of_host,
    refusals_of,
)
from agent.rules.desired import Registration
from services.entry import ServiceEntry


def registration(checks: dict[str, str] | None = None, **changes: Any) -> Registration:
    entry = ServiceEntry(
        **{
            "service": "web",
            "host": "h1",
            "container": "c1",
            "port": 80,
            "ip": "10.0.0.1",
            "published_port": 32768,
            **changes,
        }
    )
    return Registration(entry, {f"check_{key}": value for key, value in (checks or {}).items()})


def definition(checks: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    return definition_of(registration(checks, **changes), "e1", ttl_s=30.0)


def own_check(**checks: str) -> dict[str, Any]:
    """The container's own check."""
    (check,) = definition(checks)["Checks"][1:]
    assert check.pop("CheckID") == "h1:c1:80:own"
    return dict(check)


def test_a_service_has_its_entrys_id_folder_and_address() -> None:
    found = definition(tags=("a",), attributes={"vhost": "x"})
    assert (found["ID"], found["Name"]) == ("h1:c1:80", "web-80")
    assert (found["Address"], found["Port"], found["Tags"]) == ("10.0.0.1", 32768, ["a"])
    assert found["Meta"] == {"vhost": "x", HOST: "h1", ENGINE: "e1", DIGEST: digest_of(found)}
    assert definition(protocol="udp")["Tags"] == ["udp"]


def test_a_check_ends_it_with_its_agent() -> None:
    assert definition()["Checks"] == [
        {
            "CheckID": "h1:c1:80:alive",
            "Name": "the agent of this host lives",
            "TTL": "30s",
            "Status": "passing",
            "DeregisterCriticalServiceAfter": "60s",
        }
    ]


def test_what_consul_does_not_take_as_metadata_is_left_out_and_named() -> None:
    bad = {"a.b": "x", "long": "x" * 513, "consul-version": "x"}
    many = {f"k{n:02}": "x" for n in range(80)}
    one = registration(attributes={**bad, **many, "good": "x"})
    meta = definition_of(one, "e1", ttl_s=30)["Meta"]
    assert len(meta) == 64
    assert meta["good"] == "x"
    assert not bad.keys() & meta.keys()
    refusals = refusals_of(one)
    assert len(refusals) == len(bad) + 80 + 1 - 61
    assert {refusal.reason for refusal in refusals} == {"meta"}
    assert all(any(key.upper() in refusal.text for refusal in refusals) for key in bad)


def test_checks_are_those_of_classic_registrator() -> None:
    usual = {"Interval": "10s", "TLSSkipVerify": False}
    assert own_check(http="/health", http_method="head", interval="5s", timeout="1s") == {
        "HTTP": "http://10.0.0.1:32768/health",
        "Method": "HEAD",
        "Interval": "5s",
        "Timeout": "1s",
        "TLSSkipVerify": False,
    }
    assert own_check(https="/", tls_skip_verify="y") == {
        "HTTP": "https://10.0.0.1:32768/",
        "Interval": "10s",
        "TLSSkipVerify": True,
    }
    assert own_check(tcp="true") == {"TCP": "10.0.0.1:32768", **usual}
    assert own_check(grpc="true") == {"GRPC": "10.0.0.1:32768", "GRPCUseTLS": False, **usual}
    assert own_check(ttl="30s", initial_status="passing", deregister_after="10m") == {
        "TTL": "30s",
        "Status": "passing",
        "DeregisterCriticalServiceAfter": "10m",
    }


@pytest.mark.parametrize(
    "checks",
    [
        {"script": "curl $SERVICE_IP"},
        {"cmd": "/bin/true"},
        {"http": "@evil.example/"},
        {"http": "/a b"},
        {"ttl": "soon"},
        {"ttl": "-5s"},
        {"interval": "5s"},
        {"tcp": "perhaps"},
        {"name": "health"},
    ],
)
def test_what_is_no_check_or_runs_a_program_is_none_and_named(checks: dict[str, str]) -> None:
    assert len(definition(checks)["Checks"]) == 1
    ((key,),) = [checks]
    (refusal,) = refusals_of(registration(checks))
    assert refusal.reason == "check"
    assert f"SERVICE_CHECK_{key.upper()}" in refusal.text


@pytest.mark.parametrize(
    ("checks", "kind", "refused"),
    [
        ({"tcp": "true", "ttl": "5s"}, "TCP", ["TTL"]),
        ({"https": "/", "http": "/", "http_method": "GET"}, "HTTP", ["HTTP", "HTTP_METHOD"]),
        ({"ttl": "5s", "interval": "5s"}, "TTL", ["INTERVAL"]),
        ({"http": "/", "interval": "often", "timeout": "-1s"}, "HTTP", ["INTERVAL", "TIMEOUT"]),
        ({"http": "/", "http_method": "a b", "tls_skip_verify": "x"}, "HTTP",
         ["HTTP_METHOD", "TLS_SKIP_VERIFY"]),
        ({"tcp": "1", "initial_status": "good"}, "TCP", ["INITIAL_STATUS"]),
    ],
)  # fmt: skip
def test_what_does_not_fit_a_check_is_named_and_the_check_stays(
    checks: dict[str, str], kind: str, refused: list[str]
) -> None:
    assert kind in own_check(**checks)
    found = [one.text.split()[0] for one in refusals_of(registration(checks))]
    assert sorted(found) == [f"SERVICE_CHECK_{key}" for key in refused]


def test_a_check_may_be_declined_and_nothing_is_refused() -> None:
    declined = {"tcp": "no", "http": ""}
    assert len(definition(declined)["Checks"]) == 1
    assert refusals_of(registration(declined)) == ()


def test_https_comes_before_http() -> None:
    assert own_check(https="/", http="/")["HTTP"].startswith("https:")


def test_the_digest_changes_with_anything_that_consul_is_told() -> None:
    variants = [
        definition(),
        definition({"tcp": "true"}),
        definition({"tcp": "true", "interval": "7s"}),
        definition(ip="10.0.0.2"),
        definition(tags=("a",)),
        definition(attributes={"a": "b"}),
    ]
    assert len({digest_of(one) for one in variants}) == len(variants)
    assert digest_of(definition()) == digest_of(definition())


def test_a_host_knows_its_own_services() -> None:
    assert is_of_host(definition(), "h1", "e1")
    assert not is_of_host(definition(), "h2", "e1")
    assert not is_of_host(definition(), "h1", "e2")
    assert not is_of_host({"Meta": None}, "h1", "e1")
    assert is_of_host({"Meta": {HOST: "h1"}}, "h1", "e1")  # of a former version
