from pathlib import Path

import pytest

from discovery.base import Address
from discovery.errors import BadDiscoveryError
from discovery.uri import ConsulTarget, FileTarget, NodesTarget, parse_uri


def nodes(*texts: str) -> NodesTarget:
    return NodesTarget(tuple(Address.parse(text) for text in texts))


def consul(uri: str, **options: str) -> ConsulTarget:
    target = parse_uri(uri, {f"kv.{name}": value for name, value in options.items()})
    assert isinstance(target, ConsulTarget)
    return target


@pytest.mark.parametrize(
    ("uri", "target"),
    [
        ("nodes://a:1,b:2", nodes("a:1", "b:2")),
        ("a:1,b:2", nodes("a:1", "b:2")),
        ("10.0.0.[1:2]:5", nodes("10.0.0.1:5", "10.0.0.2:5")),
        ("unix:///a.sock", nodes("unix:///a.sock")),
        ("tcp://a:1,unix:///a.sock", nodes("a:1", "unix:///a.sock")),
        ("nodes://unix:///a.sock,b:2", nodes("unix:///a.sock", "b:2")),
        ("file:///etc/swarm", FileTarget(Path("/etc/swarm"))),
        ("file://relative", FileTarget(Path("relative"))),
    ],
)
def test_lists_and_files_are_told_apart(uri: str, target: NodesTarget | FileTarget) -> None:
    assert parse_uri(uri) == target


@pytest.mark.parametrize(
    ("uri", "host", "port", "prefix"),
    [
        ("consul://c:8500/swarm", "c", 8500, "swarm"),
        ("CONSUL://c:1/a//b/", "c", 1, "a/b"),
        ("consul://c", "c", 8500, ""),
        ("consul://c/swarm", "c", 8500, "swarm"),
        ("consul://[::1]:1/x", "::1", 1, "x"),
        ("consul://[::1]/x", "::1", 8500, "x"),
    ],
)
def test_a_consul_uri_has_host_port_and_prefix(uri: str, host: str, port: int, prefix: str) -> None:
    target = consul(uri)
    assert (target.host, target.port, target.prefix) == (host, port, prefix)
    assert (target.kv_path, target.is_tls) == ("docker/swarm/nodes", False)


def test_the_path_below_the_prefix_can_be_chosen() -> None:
    assert consul("consul://c/p", path="/my/nodes/").kv_path == "my/nodes"


@pytest.mark.parametrize(
    "options",
    [
        {"cacertfile": "ca"},
        {"certfile": "c", "keyfile": "k"},
        {"cacertfile": "ca", "certfile": "c", "keyfile": "k"},
    ],
)
def test_files_mean_tls(options: dict[str, str]) -> None:
    assert consul("consul://c/p", **options).is_tls


def test_the_scheme_consuls_means_tls() -> None:
    assert consul("consuls://c/p").is_tls
    assert str(consul("consuls://c/p")) == "consuls://c:8500/p"


def test_the_option_s_token_wins_over_the_environment_s() -> None:
    environ = {"CONSUL_HTTP_TOKEN": "env"}
    from_env = parse_uri("consul://c/p", environ=environ)
    assert isinstance(from_env, ConsulTarget)
    assert from_env.token == "env"
    given = parse_uri("consul://c/p", {"kv.token": "mine"}, environ=environ)
    assert isinstance(given, ConsulTarget)
    assert given.token == "mine"


def test_the_token_is_never_shown() -> None:
    target = consul("consul://c/p", token="s3cret")
    assert "s3cret" not in f"{target} {target!r}"


@pytest.mark.parametrize(
    ("uri", "options", "words"),
    [
        pytest.param("etcd://e/p", {}, "etcd:// is not supported", id="etcd"),
        pytest.param("zk://e/p", {}, "consul://host:8500/prefix", id="zk"),
        pytest.param("token://abc", {}, "token:// is not supported", id="token"),
        pytest.param("ftp://h", {}, 'unknown discovery "ftp://"', id="unknown"),
        pytest.param("6856663cdefdec32", {}, "has no port", id="bare-token"),
        pytest.param("nodes://", {}, "no engine's address", id="empty-list"),
        pytest.param("file://", {}, "no file is given", id="no-file"),
        pytest.param("consul://a:1,b:1/p", {}, "multiple endpoints", id="classic-s-words"),
        pytest.param("consul:///p", {}, "expected consul://host:8500", id="no-host"),
        pytest.param("consul://u:p@h:1/p", {}, "consul://u:p@h:1", id="user-and-password"),
        pytest.param("consul://c:x/p", {}, "no valid port", id="bad-port"),
        pytest.param("consul://c/p", {"kv.certfile": "c"}, "given together", id="half-a-pair"),
        pytest.param("consul://c/p", {"kv.token": "a\r\nb"}, "header", id="token-with-line-break"),
        pytest.param("a:1", {"kv.paht": "x"}, 'unknown --discovery-opt "kv.paht"', id="slip"),
    ],
)
def test_what_cannot_be_used_is_refused(uri: str, options: dict[str, str], words: str) -> None:
    with pytest.raises(BadDiscoveryError, match=words):
        parse_uri(uri, options)
