"""The router against a real Consul; a scripted command stands in for the proxy."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from discovery_consul_server import ConsulServer

from lab.http import call
from lab.install import find
from services.entry import ServiceEntry
from tests.fakes.edge import Registry, RouterProcess, until

pytestmark = pytest.mark.contract

CHECK = "grep -q good {}"
"""The scripted proxy's check: our template says `good` unless a key tells otherwise."""
TEMPLATE = """\
{{ key('mood', 'good') }} {{ revision }}
{% for service in services() %}
{{ service.folder }}:{% for entry in service.entries %} {{ entry.address }}{% endfor %}

{% endfor %}
"""


def entry(service: str, number: int = 1) -> ServiceEntry:
    return ServiceEntry(service, f"host{number}", "c", 80, f"10.0.0.{number}", 4000)


def registry_of(server: ConsulServer) -> Registry:
    return Registry(f"127.0.0.1:{server.ports['http']}")


class Scripted:
    """A router whose proxy is a file that is checked with grep and counted when reloaded."""

    def __init__(self, folder: Path, uri: str, *options: str) -> None:
        self.reloads = folder / "reloads"
        template = folder / "proxy.j2"
        template.write_text(TEMPLATE)
        self.router = RouterProcess(
            folder,
            "haproxy",
            uri,
            *("--template", f"{template}:{folder / 'haproxy.cfg'}", "--check", CHECK),
            *("--reload", f"sh -c 'echo {{}} >>{self.reloads}'", *options),
        )
        self.config = self.router.config

    def until_lines(self, *lines: str) -> None:
        """Wait until the file has exactly these lines about services."""
        until(
            lambda: self.config.exists() and self.config.read_text().splitlines()[1:] == [*lines],
            f"{lines} in the file; the router says {self.router.text()}",
        )

    def count(self) -> int:
        return len(self.reloads.read_text().splitlines()) if self.reloads.exists() else 0

    def outcome(self) -> str:
        return str(self.router.status().get("last", {}).get("outcome"))

    def __enter__(self) -> "Scripted":
        return self

    def __exit__(self, *_: object) -> None:
        self.router.stop()


@pytest.fixture
def scripted(consul: ConsulServer, tmp_path: Path) -> Iterator[Scripted]:
    registry_of(consul).put(entry("web"))
    with Scripted(tmp_path, registry_of(consul).uri) as found:
        found.until_lines("web-80: 10.0.0.1:4000")
        until(lambda: found.count() == 1, f"the first reload; it says {found.router.text()}")
        yield found


def test_a_change_is_written_and_reloaded_once(consul: ConsulServer, scripted: Scripted) -> None:
    registry_of(consul).put(entry("web", 2))
    scripted.until_lines("web-80: 10.0.0.1:4000 10.0.0.2:4000")
    until(lambda: scripted.count() == 2, "the reload")


def test_what_changes_nothing_is_neither_written_nor_reloaded(
    consul: ConsulServer, scripted: Scripted
) -> None:
    before = scripted.config.stat()
    # A key that the template does not ask for.
    consul.call("PUT", "/kv/services/elsewhere", "x")
    until(lambda: scripted.outcome() == "unchanged", "the next try")
    assert scripted.config.stat().st_ino == before.st_ino
    assert scripted.count() == 1


def test_a_file_that_its_check_refuses_is_not_put_in_place(
    consul: ConsulServer, scripted: Scripted
) -> None:
    before = scripted.config.read_text()
    consul.call("PUT", "/kv/services/mood", "bad")
    until(lambda: scripted.outcome() == "check-failed", "the check")
    assert scripted.config.read_text() == before
    assert not scripted.config.with_name(".haproxy.cfg.candidate").exists()
    assert "the check of" in scripted.router.status()["last"]["reason"]
    assert re.search(r'applies_total{outcome="check-failed"} [1-9]', scripted.router.metrics())
    consul.call("PUT", "/kv/services/mood", "good again")
    until(lambda: scripted.config.read_text().startswith("good again "), "the next change")


def test_a_reload_that_fails_brings_the_file_before_back(
    consul: ConsulServer, tmp_path: Path
) -> None:
    registry_of(consul).put(entry("web"))
    flag = tmp_path / "broken"
    with Scripted(tmp_path, registry_of(consul).uri, "--reload", f"test ! -e {flag}") as found:
        found.until_lines("web-80: 10.0.0.1:4000")
        until(lambda: found.outcome() == "reloaded", "the first reload")
        flag.touch()
        registry_of(consul).put(entry("api"))
        until(lambda: found.outcome() == "reload-failed", "the reload's failure")
        found.until_lines("web-80: 10.0.0.1:4000")
        flag.unlink()
        registry_of(consul).put(entry("zoo"))
        found.until_lines("api-80: 10.0.0.1:4000", "web-80: 10.0.0.1:4000", "zoo-80: 10.0.0.1:4000")


@pytest.mark.parametrize("how", ["--check", "--reload"])
def test_what_failed_is_tried_again_without_another_change(
    consul: ConsulServer, tmp_path: Path, how: str
) -> None:
    registry_of(consul).put(entry("web"))
    flag = tmp_path / "broken"
    with Scripted(tmp_path, registry_of(consul).uri, how, f"test ! -e {flag}") as found:
        found.until_lines("web-80: 10.0.0.1:4000")
        flag.touch()
        registry_of(consul).put(entry("api"))
        until(lambda: found.outcome().endswith("-failed"), "the failure")
        found.until_lines("web-80: 10.0.0.1:4000")
        flag.unlink()
        found.until_lines("api-80: 10.0.0.1:4000", "web-80: 10.0.0.1:4000")
        until(lambda: found.outcome() == "reloaded", "the reload")
        assert found.router.text().count("trying again") == 1
        assert "in force again" in found.router.text()


def test_a_file_that_cannot_be_written_is_tried_again(
    consul: ConsulServer, scripted: Scripted
) -> None:
    # As good as a full disk, and it can be had anywhere.
    candidate = scripted.config.with_name(".haproxy.cfg.candidate")
    candidate.mkdir()
    registry_of(consul).put(entry("api"))
    until(lambda: scripted.outcome() == "write-failed", "the failure")
    assert "Is a directory" in scripted.router.status()["last"]["reason"]
    candidate.rmdir()
    scripted.until_lines("api-80: 10.0.0.1:4000", "web-80: 10.0.0.1:4000")


def test_a_file_that_cannot_be_read_ends_no_router(
    consul: ConsulServer, scripted: Scripted
) -> None:
    scripted.config.unlink()
    scripted.config.mkdir()
    registry_of(consul).put(entry("api"))
    until(lambda: scripted.outcome() == "write-failed", "the failure")
    scripted.config.rmdir()
    scripted.until_lines("api-80: 10.0.0.1:4000", "web-80: 10.0.0.1:4000")


HOSTILE = """\
{% macro deep() %}{{ deep() if key('deep', '') else '' }}{% endmacro %}
{{ (key('json') | parse_json).x }} {{ deep() }}{{ '\\ud800' if key('half', '') else '' }}
"""


@pytest.mark.parametrize(
    ("key", "value"),
    [("json", '{"x": "\\ud800"}'), ("json", "[1]"), ("deep", "yes"), ("half", "yes")],
)
def test_whatever_a_template_raises_is_that_file_s_failure_and_no_more(
    consul: ConsulServer, tmp_path: Path, key: str, value: str
) -> None:
    registry = registry_of(consul)
    registry.put(entry("web"))
    consul.call("PUT", "/kv/services/json", '{"x": "good"}')
    template, target = tmp_path / "own.j2", tmp_path / "own.txt"
    template.write_text(HOSTILE)
    with Scripted(tmp_path, registry.uri, "--template", f"{template}:{target}") as found:
        until(target.exists, "the file")
        good = target.read_text()
        consul.call("PUT", f"/kv/services/{key}", value)
        told = until(
            lambda: {*found.router.status()["templates"].values()} - {"good"}, "the failure"
        )
        assert "the template cannot be rendered" in told.pop()
        assert "swarm_router_failed_templates 1" in found.router.metrics()
        assert target.read_text() == good
        registry.put(entry("api"))
        found.until_lines("api-80: 10.0.0.1:4000", "web-80: 10.0.0.1:4000")


def test_a_command_that_failed_is_run_until_it_succeeds(
    consul: ConsulServer, tmp_path: Path
) -> None:
    registry_of(consul).put(entry("web"))
    template, target, flag = tmp_path / "own.j2", tmp_path / "own.txt", tmp_path / "works"
    template.write_text("{{ services() | length }}\n")
    option = f"{template}:{target}:sh -c 'test -e {flag} && echo {{}} >>{tmp_path}/told'"
    with Scripted(tmp_path, registry_of(consul).uri, "--template", option) as found:
        until(target.exists, "the file")
        status = found.router.status
        until(lambda: status()["templates"], "the first try")
        assert status()["templates"][str(target)] == "sh: exit code 1"
        # Neither an equal text nor another router makes it forgotten.
        registry_of(consul).put(entry("web", 2))
        found.until_lines("web-80: 10.0.0.1:4000 10.0.0.2:4000")
        assert status()["templates"][str(target)] == "sh: exit code 1"
        found.router.kill()
        found.router.start()
        until(lambda: status().get("templates"), "the next router")
        assert status()["templates"][str(target)] == "sh: exit code 1"
        flag.touch()
        until((tmp_path / "told").exists, "the command")
        until(lambda: status()["templates"][str(target)] == "good", "success")
        registry_of(consul).put(entry("web", 3))
        found.until_lines("web-80: 10.0.0.1:4000 10.0.0.2:4000 10.0.0.3:4000")
        assert (tmp_path / "told").read_text() == f"{target}\n"
        assert not (tmp_path / ".own.txt.due").exists()


def test_a_template_that_asks_for_what_is_not_there_keeps_the_file(
    consul: ConsulServer, tmp_path: Path
) -> None:
    registry_of(consul).put(entry("web"))
    template, target = tmp_path / "own.j2", tmp_path / "own.txt"
    template.write_text("{{ service('web')[0].ip }}\n")
    with Scripted(
        tmp_path, registry_of(consul).uri, "--template", f"{template}:{target}:touch {{}}.told"
    ) as found:
        until((tmp_path / "own.txt.told").exists, "the command")
        assert target.read_text() == "10.0.0.1\n"
        registry_of(consul).remove(entry("web"))
        failure = until(
            lambda: found.router.status()["templates"][str(target)] != "good", "the failure"
        )
        assert failure
        assert target.read_text() == "10.0.0.1\n"


def test_services_that_vanish_all_at_once_are_kept_for_a_while(
    consul: ConsulServer, tmp_path: Path
) -> None:
    registry = registry_of(consul)
    registry.put(entry("web", 1), entry("web", 2), entry("api"))
    lines = ("api-80: 10.0.0.1:4000", "web-80: 10.0.0.1:4000 10.0.0.2:4000")
    with Scripted(tmp_path, registry.uri, "--empty-grace", "3s") as found:
        found.until_lines(*lines)
        registry.wipe()
        until(lambda: found.router.status()["held"] == ["api-80", "web-80"], "the hold")
        found.until_lines(*lines)
        assert "swarm_router_held_services 2" in found.router.metrics()
        found.until_lines()
        assert found.router.status()["held"] == []


def test_while_consul_is_away_the_file_stays_and_later_changes_are_seen(
    own: ConsulServer, tmp_path: Path
) -> None:
    registry = registry_of(own)
    registry.put(entry("web"))
    with Scripted(tmp_path, registry.uri) as found:
        found.until_lines("web-80: 10.0.0.1:4000")
        own.stop()
        until(lambda: not found.router.status()["consul"]["answers"], "the failure")
        assert "swarm_router_consul_up 0" in found.router.metrics()
        found.until_lines("web-80: 10.0.0.1:4000")
        own.restart()
        registry.put(entry("web", 2))
        found.until_lines("web-80: 10.0.0.1:4000 10.0.0.2:4000")
        assert found.router.status()["consul"]["answers"]


def test_a_bad_value_is_named_once_in_the_log_and_counted(
    consul: ConsulServer, tmp_path: Path
) -> None:
    registry = registry_of(consul)
    bad = ServiceEntry("web", "h", "c", 80, "10.0.0.1", 1, attributes={"vhost": "a;b"})
    registry.put(bad)
    with Scripted(tmp_path, registry.uri) as found:
        found.until_lines("web-80: 10.0.0.1:1")
        registry.put(entry("api"))
        found.until_lines("api-80: 10.0.0.1:4000", "web-80: 10.0.0.1:1")
        assert found.router.text().count("is left out: not a host name") == 1
        assert 'refused_values{attribute="SERVICE_VHOST"} 1' in found.router.metrics()
        assert len(found.router.status()["refusals"]) == 1


def swarm(*arguments: str, rights: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run the command to its end; *rights* is a command that takes some away, for root."""
    return subprocess.run(
        [*(rights if os.getuid() == 0 else ()), sys.executable, "-m", "swarm", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_swarm_router_status_prints_what_the_router_knows(scripted: Scripted) -> None:
    address = f"127.0.0.1:{scripted.router.status_port}"
    done = swarm("router", "status", "--status", address)
    assert done.returncode == 0
    assert "  answers: yes\n" in done.stdout
    assert "services: 1\n" in done.stdout
    assert "  outcome: reloaded\n" in done.stdout
    scripted.router.stop()
    failed = swarm("router", "status", "--status", address)
    assert failed.returncode == 1
    assert f"no router answers at {address}" in failed.stderr


def test_only_two_pages_are_served(scripted: Scripted) -> None:
    place = f"127.0.0.1:{scripted.router.status_port}"
    assert call("GET", place, "/").status == 404
    assert call("POST", place, "/status", b"x").status == 405
    assert call("HEAD", place, "/status").body == b""
    assert json.loads(call("GET", place, "/status").body)["services"] == 1
    kind = call("GET", place, "/metrics").headers["content-type"]
    assert kind == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize("kind", ["haproxy", "nginx"])
def test_dry_run_prints_and_writes_nothing(consul: ConsulServer, tmp_path: Path, kind: str) -> None:
    registry = registry_of(consul)
    registry.put(entry("web"))
    folder = tmp_path / "no"
    done = swarm(
        *("router", "--dry-run", "--proxy", kind, f"--{kind}", str(getattr(find(), kind))),
        *("--config", str(folder / "x"), registry.uri),
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"    server (host1:c:80 )?10\.0\.0\.1:4000 weight[ =]1", done.stdout)
    assert not folder.exists()


def test_dry_run_needs_no_right_to_the_files_that_it_tells_of(
    consul: ConsulServer, tmp_path: Path
) -> None:
    registry = registry_of(consul)
    registry.put(entry("web"))
    folder = tmp_path / "locked"
    folder.mkdir()
    (folder / "x.cfg").write_text("of before\n")
    folder.chmod(0)
    command = ("router", "--dry-run", "--config", str(folder / "x.cfg"), registry.uri)
    done = swarm(*command, rights=("setpriv", "--bounding-set=-dac_override,-dac_read_search"))
    folder.chmod(0o700)
    assert done.returncode == 0, done.stderr
    assert "10.0.0.1:4000" in done.stdout
    assert [path.name for path in folder.iterdir()] == ["x.cfg"]


def test_once_writes_checks_and_ends(consul: ConsulServer, tmp_path: Path) -> None:
    registry = registry_of(consul)
    registry.put(entry("web"))
    config = tmp_path / "x.cfg"
    good = ("router", "--once", "--config", str(config), "--check", "test -e {}")
    assert swarm(*good, registry.uri).returncode == 0
    assert "10.0.0.1:4000" in config.read_text()
    before = config.read_text()
    registry.put(entry("api"))
    failed = swarm("router", "--once", "--config", str(config), "--check", "false", registry.uri)
    assert (failed.returncode, config.read_text()) == (1, before)
    assert "the check of" in failed.stderr


def test_once_takes_no_empty_list_for_true_at_once(consul: ConsulServer, tmp_path: Path) -> None:
    registry = registry_of(consul)
    registry.put(entry("web"))
    config = tmp_path / "x.cfg"
    once = ("router", "--once", "--config", str(config), "--check", "test -e {}", registry.uri)
    assert swarm(*once).returncode == 0
    registry.wipe()
    with subprocess.Popen([sys.executable, "-m", "swarm", *once]) as process:
        time.sleep(3)
        assert process.poll() is None
        assert "10.0.0.1:4000" in config.read_text()
        registry.put(entry("api"))
        assert process.wait(10) == 0
    assert "backend api-80" in config.read_text()
    registry.wipe()
    assert swarm(*once, "--empty-grace", "0s").returncode == 0
    assert "api-80" not in config.read_text()


def test_once_gives_up_on_a_consul_that_does_not_answer(tmp_path: Path) -> None:
    done = swarm(
        *("router", "--once", "--timeout", "1s", "--config", str(tmp_path / "x.cfg")),
        "consul://127.0.0.1:1/services",
    )
    assert done.returncode == 1
    assert "no answer in time: Consul at 127.0.0.1:1" in done.stderr
