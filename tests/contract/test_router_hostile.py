"""Hostile values in Consul never become a line of a proxy's file: the real programs are asked."""

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.install import find
from router import parts
from router.rules.build import build
from router.rules.render import Edge, Paths, Renderer, View, shipped_template
from router.rules.wishes import Rules
from services.entry import ServiceEntry, entries_of, keys_of

pytestmark = [pytest.mark.contract, pytest.mark.timeout(240)]
"""Each example starts a program: on a busy machine that adds up."""

DIRECTIVES = {
    "haproxy": """global description stats hard-stop-after spread-checks fd-hard-limit defaults mode
        timeout option retries default-server frontend bind http-request use_backend
        default_backend backend balance hash-type retry-on http-check server""",
    "nginx": """load_module worker_processes worker_shutdown_timeout pid error_log events
        worker_connections http access_log server_tokens default_type client_body_temp_path
        proxy_temp_path fastcgi_temp_path uwsgi_temp_path scgi_temp_path
        server_names_hash_bucket_size server_names_hash_max_size client_max_body_size map default
        proxy_http_version proxy_set_header proxy_connect_timeout proxy_send_timeout
        proxy_read_timeout proxy_next_upstream proxy_next_upstream_tries upstream least_conn
        random hash server listen return server_name location proxy_pass stream proxy_timeout
        '' }""",
}
EVIL = "server evil 6.6.6.6:66"
SHARP = st.sampled_from(
    [
        f"x\n    {EVIL}",
        f"x;\n}}\n{EVIL}",
        "{{ 4391 * 7 }}",
        "{% raw %}",
        "'; }",
        '"',
        "$host",
        "%[src]",
        "a\\",
        "#",
        "../../etc/passwd",
        "\0",
        "\u2028" + EVIL,
        "é",
        "x" * 1_000_000,
    ]
)
GOOD = st.sampled_from(
    ["", "web.org", "a.org, b.org", "/a/b", "tcp", "http", "5001", "5002", "3", "true", "source",
     "leastconn", "random", "/health?x=1", "a" * 63 + "." + "b" * 63 + "." + "c" * 63 + ".org"]
)  # fmt: skip
VALUES = GOOD | GOOD | SHARP | st.text(max_size=20)
ATTRIBUTES = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("vhost", "path", "mode", "listen", "check_http", "weight", "balance", "backup"), VALUES
    ),
)
ENTRIES = st.lists(
    st.builds(
        lambda service, number, port, ip, said: ServiceEntry(
            service, "host1", f"c{number}", port, ip, 4000 + number, attributes=said
        ),
        st.sampled_from(["web", "WEB", "api", "a.b_c", "x" * 128, "none", "http", "tcp"]),
        st.integers(1, 5),
        st.sampled_from([80, 443]),
        st.sampled_from(["10.0.0.1", "::1"]),
        ATTRIBUTES,
    ),
    max_size=8,
)


def text_of(kind: str, entries: list[ServiceEntry], folder: Path, departed: int = 0) -> str:
    """The proxy's file; those that it names are written."""
    model = build(entries[departed:], entries[:departed], Rules(domain="example.org")).model
    renderer = Renderer(
        shipped_template(kind),
        edge=Edge("127.0.0.1", 8080, stream_module="modules/ngx_stream_module.so"),
        paths=Paths(str(folder / "s.sock"), str(folder)),
        environ={},
        is_adjustable=kind == "haproxy",
    )
    rendered = renderer.render(View(model))
    parts.write(rendered.parts, folder / "candidate")
    for text in rendered.parts.values():
        assert re.fullmatch(r"([a-z0-9_.-]+(/[A-Za-z0-9._~-]+)*/ [A-Za-z0-9_.-]+\n)*", text)
    return rendered.text


def check(kind: str, text: str, folder: Path) -> None:
    """Ask the real program, and look at each line."""
    file = folder / "candidate"
    file.write_text(text, encoding="utf-8")
    programs = find()
    command = {
        "haproxy": [programs.haproxy, "-c", "-f", file],
        "nginx": [programs.nginx, "-t", "-q", "-c", file],
    }[kind]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, f"{done.stderr}\n{text}"
    assert "WARNING" not in done.stderr
    assert "[warn]" not in done.stderr
    known = set(DIRECTIVES[kind].split())
    for line in text.splitlines():
        words = re.split(r"[\s;]", line.strip())
        assert not words[0] or words[0].startswith("#") or words[0] in known, line
    assert "6.6.6.6" not in text
    assert str(4391 * 7) not in text


@pytest.mark.parametrize("kind", ["haproxy", "nginx"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=ENTRIES, departed=st.integers(0, 2))
def test_whatever_containers_say_the_proxy_takes_the_file(
    tmp_path: Path, kind: str, entries: list[ServiceEntry], departed: int
) -> None:
    check(kind, text_of(kind, entries, tmp_path, departed), tmp_path)


@pytest.mark.parametrize("kind", ["haproxy", "nginx"])
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keys=st.dictionaries(
        st.sampled_from(["web-80/", "web-80/.meta/", ""]).flatmap(
            lambda folder: st.builds(
                lambda name: folder + name,
                st.sampled_from(["h:c:80", "h:c\n:80", "h:c:80:udp", f"h:{EVIL}:80", "h:c d:80"])
                | st.text(max_size=12),
            )
        ),
        st.sampled_from(
            [b"10.0.0.1:80", f"10.0.0.1:80\n{EVIL}".encode(), b"fe80::1%\nx:80", b"[::1]:80", b"{"]
        )
        | st.binary(max_size=20),
        max_size=6,
    )
)
def test_whatever_stands_in_consul_the_proxy_takes_the_file(
    tmp_path: Path, kind: str, keys: dict[str, bytes]
) -> None:
    check(kind, text_of(kind, entries_of(keys), tmp_path), tmp_path)


@pytest.mark.parametrize("kind", ["haproxy", "nginx"])
def test_a_thousand_services_fit_into_a_file(tmp_path: Path, kind: str) -> None:
    entries = [
        ServiceEntry(f"service{number}", "host1", f"c{copy}", 80, f"10.0.{copy}.1", 1024 + number)
        for number in range(1000)
        for copy in range(3)
    ]
    check(kind, text_of(kind, entries, tmp_path), tmp_path)


@pytest.mark.parametrize("kind", ["haproxy", "nginx"])
def test_one_hostile_container_costs_no_other_service_anything(tmp_path: Path, kind: str) -> None:
    said = {"vhost": f"x.org\n{EVIL}", "path": "/{{ 4391 * 7 }}", "weight": "9" * 500_000}
    bad = ServiceEntry("bad", "host1", "c1", 80, "10.0.0.1", 1, attributes=said)
    good = ServiceEntry("good", "host1", "c2", 80, "10.0.0.2", 2, attributes={"weight": "7"})
    stored = {name: value for one in (bad, good) for name, value in keys_of(one).items()}
    text = text_of(kind, entries_of(stored), tmp_path)
    check(kind, text, tmp_path)
    assert re.search(r"10\.0\.0\.2:2 weight[ =]7", text)
    assert "10.0.0.1:1 " in text
