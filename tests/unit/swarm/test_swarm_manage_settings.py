import pytest

from master.settings import DEFAULT_FILTERS, STRATEGIES, Settings, SettingsError
from scheduler import filters, strategies
from swarm.command import GLOBAL_FLAGS
from swarm.flags import UsageError, parse
from swarm.manage_flags import FLAGS
from swarm.manage_settings import Plan, plan


def planned(*argv: str, **environ: str) -> Plan:
    return plan(parse((*FLAGS, *GLOBAL_FLAGS), argv, environ))


def test_the_defaults_are_classic_s() -> None:
    assert planned("nodes://a:1").settings == Settings(
        discovery="nodes://a:1",
        hosts=("tcp://127.0.0.1:2375",),
        strategy="spread",
        filters=(
            "health",
            "port",
            "containerslots",
            "dependency",
            "affinity",
            "constraint",
            "whitelist",
        ),
        overcommit=0.05,
        create_retry=0,
        heartbeat_s=60,
        refresh_min_s=30,
        refresh_max_s=60,
        failure_retry=3,
        drain_s=0,
        pull_scope="placeable",
        log_level="info",
    )


def test_every_flag_reaches_its_setting() -> None:
    settings = planned(
        *("-H", "0.0.0.0:1", "-H", "unix:///s.sock", "--addr", "m:1"),
        *("--strategy", "binpacking", "-f", "port", "--filter=health"),
        *("--cluster-opt", "swarm.overcommit=0.5", "--cluster-opt", "swarm.createretry=2"),
        *("--cluster-opt", "swarm.cpushares=cores"),
        *("--heartbeat=1s", "--engine-refresh-min-interval=1s", "--engine-refresh-max-interval=2s"),
        *("--engine-failure-retry=5", "--cors", "--refresh-on-node-filter"),
        *("--container-name-refresh-filter", "x", "--pull-scope=all", "-l", "warn"),
        *("--services", "consul://other:1/apps", "--drain=2s"),
        *("--publish", "127.0.0.9:62000-62999"),
        *("--discovery-opt", "kv.path=p", "--discovery-opt=kv.token=t", "consul://c/swarm"),
    ).settings
    assert settings == Settings(
        discovery="consul://c/swarm",
        discovery_opts={"kv.path": "p", "kv.token": "t"},
        hosts=("tcp://0.0.0.0:1", "unix:///s.sock"),
        advertise="m:1",
        strategy="binpack",
        filters=("port", "health"),
        overcommit=0.5,
        create_retry=2,
        cpu_shares_are_cores=True,
        heartbeat_s=1,
        refresh_min_s=1,
        refresh_max_s=2,
        failure_retry=5,
        cors=True,
        refresh_on_node_filter=True,
        container_name_refresh_filter="x",
        pull_scope="all",
        services="consul://other:1/apps",
        drain_s=2,
        publish_address="127.0.0.9",
        publish_ports=(62000, 62999),
        log_level="warn",
    )


def test_services_are_looked_for_where_the_engines_are() -> None:
    assert planned("consul://c:1/swarm").settings.services == "consul://c:1/services"
    assert planned("nodes://a:1").settings.services == ""


def test_services_must_be_in_a_consul() -> None:
    with pytest.raises(UsageError, match="--services must be a consul:// address"):
        planned("--services", "nodes://a:1", "nodes://a:1")


@pytest.mark.parametrize(
    ("given", "address", "ports"),
    [
        pytest.param("0.0.0.0", "0.0.0.0", (61000, 65535), id="address"),
        pytest.param("10.0.0.1:1-1", "10.0.0.1", (1, 1), id="one-port"),
        pytest.param("::", "::", (61000, 65535), id="ipv6"),
        pytest.param("[::1]:30000-30001", "::1", (30000, 30001), id="ipv6-with-range"),
    ],
)
def test_ports_are_published_at_an_address(
    given: str, address: str, ports: tuple[int, int]
) -> None:
    settings = planned("--publish", given, "nodes://a:1").settings
    assert (settings.publish_address, settings.publish_ports) == (address, ports)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("manager", "IP or IP:LOW-HIGH"),
        ("10.0.0.1:80", "IP or IP:LOW-HIGH"),
        (":1-2", "IP or IP:LOW-HIGH"),
        ("10.0.0.1:2-1", "2-1 is not a range of ports"),
        ("10.0.0.1:0-1", "not a range"),
        ("10.0.0.1:1-65536", "not a range"),
    ],
)
def test_a_bad_address_to_publish_at(given: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        planned("--publish", given, "nodes://a:1")


def test_the_environment_gives_discovery_hosts_and_token() -> None:
    settings = planned(
        SWARM_DISCOVERY="consul://c/swarm",
        SWARM_HOST="tcp://a:1,unix:///s",
        SWARM_ADVERTISE="m:1",
        CONSUL_HTTP_TOKEN="t",
    ).settings
    assert settings.discovery == "consul://c/swarm"
    assert settings.hosts == ("tcp://a:1", "unix:///s")
    assert settings.advertise == "m:1"
    assert settings.discovery_opts == {"kv.token": "t"}
    assert "'t'" not in repr(settings)


def test_the_token_in_the_environment_is_for_the_services_too() -> None:
    given = ("--services", "consul://other:1/apps", "nodes://a:1")
    settings = planned(*given, CONSUL_HTTP_TOKEN="t").settings
    assert settings.discovery_opts == {"kv.token": "t"}
    settings = planned("--discovery-opt", "kv.token=u", *given, CONSUL_HTTP_TOKEN="t").settings
    assert settings.discovery_opts == {"kv.token": "u"}


def test_without_discovery_the_local_engine_is_a_cluster_of_one() -> None:
    local = planned()
    assert local.settings.discovery == "nodes://unix:///var/run/docker.sock"
    assert local.notices == (
        (
            "No discovery is given: serving the engine at unix:///var/run/docker.sock as a cluster"
            " of one"
        ),
    )
    assert planned(DOCKER_HOST="tcp://e:1").settings.discovery == "nodes://tcp://e:1"
    assert not planned("a:1").notices


@pytest.mark.parametrize("engine", ["ssh://user@h", "tcp://h", "fd://"])
def test_a_docker_host_that_cannot_be_managed_is_refused(engine: str) -> None:
    with pytest.raises(UsageError, match=f"DOCKER_HOST={engine} names no engine"):
        planned(DOCKER_HOST=engine)


@pytest.mark.parametrize(
    ("argv", "environ"),
    [
        pytest.param((), {"DOCKER_HOST": "tcp://127.0.0.1:2375"}, id="docker-host-is-the-manager"),
        pytest.param(("localhost:2375",), {}, id="other-name"),
        pytest.param(("-H", "0.0.0.0:1", "127.0.0.1:1"), {}, id="every-interface"),
        pytest.param(("-H", "unix:///var/run/docker.sock"), {}, id="the-engine-s-own-socket"),
        pytest.param(("-H", "unix:///a", "x:1,unix:///a"), {}, id="socket-in-a-list"),
    ],
)
def test_the_manager_does_not_listen_where_an_engine_is(
    argv: tuple[str, ...], environ: dict[str, str]
) -> None:
    with pytest.raises(UsageError, match=r"cannot listen on .* an engine is to be found there"):
        planned(*argv, **environ)


@pytest.mark.parametrize("argv", [("127.0.0.11:2375",), ("-H", "unix:///b", "unix:///a")])
def test_neighbours_are_not_taken_for_the_manager(argv: tuple[str, ...]) -> None:
    assert planned(*argv).settings


def test_several_arguments_leave_the_environment_s_discovery_in_charge() -> None:
    result = planned("a:1", "b:1", SWARM_DISCOVERY="c:1")
    assert result.settings.discovery == "c:1"
    assert result.warnings == ("SWARM_DISCOVERY is used: 2 arguments are not one",)


@pytest.mark.parametrize(
    ("option", "overcommit", "retry", "warning"),
    [
        ("swarm.overcommit=abc", 0, 0, "is not a number and counts as 0"),
        ("swarm.overcommit=1_0", 0, 0, "is not a number and counts as 0"),
        ("swarm.createretry=1.5", 0.05, 0, "is not a number and counts as 0"),
        ("swarm.overcommit=-0.5", -0.5, 0, "engines give out less than they have"),
        ("swarm.colour=red", 0.05, 0, "is not known and has no effect"),
        ("swarm.overcommit", 0.05, 0, "is not known and has no effect"),
    ],
)
def test_a_doubtful_cluster_option_is_warned_of(
    option: str, overcommit: float, retry: int, warning: str
) -> None:
    result = planned("--cluster-opt", option, "a:1")
    assert (result.settings.overcommit, result.settings.create_retry) == (overcommit, retry)
    (text,) = result.warnings
    assert warning in text


def test_a_drain_that_nobody_would_hear_of_is_warned_of() -> None:
    (text,) = planned("--drain", "2s", "nodes://a:1").warnings
    assert "--drain has no effect" in text
    for argv in (("consul://c:1/swarm",), ("--services", "consul://c:1/services", "a:1")):
        assert planned("--drain", "2s", *argv).warnings == ()


@pytest.mark.parametrize(
    ("options", "are_cores"),
    [
        ((), False),
        (("swarm.cpushares=shares",), False),
        (("swarm.cpushares=cores",), True),
        (("swarm.cpushares=cores", "swarm.cpushares=shares"), False),
    ],
)
def test_cpu_shares_are_cores_only_when_asked_for(
    options: tuple[str, ...], are_cores: bool
) -> None:
    flags = [word for option in options for word in ("--cluster-opt", option)]
    result = planned(*flags, "a:1")
    assert result.settings.cpu_shares_are_cores is are_cores
    assert result.warnings == ()


@pytest.mark.parametrize("value", ["", "Cores", "yes", "1"])
def test_cpu_shares_are_cores_or_shares(value: str) -> None:
    with pytest.raises(UsageError) as caught:
        planned("--cluster-opt", f"swarm.cpushares={value}", "a:1")
    assert str(caught.value) == f'swarm.cpushares should be one of shares, cores, not "{value}"'


def test_a_switched_off_replication_is_nothing() -> None:
    assert planned("--replication=false", "a:1").settings


def test_an_experimental_flag_without_effect_is_said_so() -> None:
    assert planned("-experimental", "a:1").notices == (
        "--experimental has no effect: this version has no experimental features",
    )


@pytest.mark.parametrize(
    ("argv", "level"),
    [
        ((), "info"),
        (("--debug",), "debug"),
        (("--debug", "-l", "WARN"), "warn"),
    ],
)
def test_a_log_level_wins_over_debug(argv: tuple[str, ...], level: str) -> None:
    settings = planned(*argv, "a:1").settings
    assert settings.log_level == level
    assert settings.debug is (level == "debug")


def test_settings_that_do_not_exist_are_refused() -> None:
    with pytest.raises(SettingsError, match="colour"):
        Settings.checked(discovery="a:1", colour="red")
    with pytest.raises(SettingsError, match="at least one --host"):
        Settings.checked(discovery="a:1", hosts=())


def test_settings_know_the_scheduler_s_filters_and_strategies() -> None:
    assert list(filters.FILTERS) == list(DEFAULT_FILTERS)
    assert set(STRATEGIES) <= strategies.STRATEGIES.keys()
    for name in strategies.STRATEGIES:
        assert Settings.checked(discovery="a:1", strategy=name)
