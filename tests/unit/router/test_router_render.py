"""Templates, and what they can call."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import RenderError
from router.rules.model import Backend, Model, Route, Server
from router.rules.render import Edge, Paths, Rendered, Renderer, View, shipped_template
from router.rules.toolbox import ident, quote
from services.entry import ServiceEntry, keys_of

WEB = ServiceEntry("web", "host1", "c1", 80, "10.0.0.1", 4001, tags=("blue",))
ENTRIES = (WEB, ServiceEntry("db", "host1", "c2", 5432, "10.0.0.1", 4002))
KEYS = {name: value for one in ENTRIES for name, value in keys_of(one).items()}
PATHS = Paths("/run/x.sock", "/run/x.d")


def renderer(source: str, *, is_adjustable: bool = False) -> Renderer:
    return Renderer(
        source,
        edge=Edge("127.0.0.1", 8080),
        paths=PATHS,
        environ={"ZONE": "north"},
        is_adjustable=is_adjustable,
    )


def rendered(source: str) -> str:
    return renderer(source).render(View(Model(), ENTRIES, KEYS)).text


def edge(kind: str, *servers: Server, path: str = "") -> Rendered:
    model = Model((Backend("web-80", servers=servers),), (Route("web", path, "web-80"),))
    return renderer(shipped_template(kind), is_adjustable=kind == "haproxy").render(View(model))


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{% for s in services() %}{{ s.name }}:{{ s.port }} {% endfor %}", "db:5432 web:80 "),
        ("{% for s in services() if 'blue' in s.tags %}{{ s.folder }}{% endfor %}", "web-80"),
        ("{% for e in service('web') %}{{ e.address }}{% endfor %}", "10.0.0.1:4001"),
        ("{% for e in service('db-5432') %}{{ e.ip }}{% endfor %}", "10.0.0.1"),
        ("{% for pair in ls('/web-80/') %}{{ pair.key }}={{ pair.value }}{% endfor %}",
         "host1:c1:80=10.0.0.1:4001"),
        ("{{ ls() | length }}", "0"),
        ("{{ keys('web-80') | join(' ') }}", ".meta/host1:c1:80 host1:c1:80"),
        ("{{ tree() | length }}", "3"),
        ("{{ key('web-80/host1:c1:80') }} {{ key('none', 'else') }}", "10.0.0.1:4001 else"),
        ("{{ (key('web-80/.meta/host1:c1:80') | parse_json).tags[0] }}", "blue"),
        ("{{ 'no json' | parse_json is none }}", "True"),
        (r"""{{ '{"x": "\\ud800"}' | parse_json is none }}""", "True"),
        (r"""{{ ('"\\ud83d\\ude00"' | parse_json) }}""", "\U0001f600"),
        ("{{ env('ZONE') }}{{ env('NONE') }}{{ env('NONE', '-') }}", "north-"),
        ("{{ 'a, b,,c' | split | join('|') }}", "a|b|c"),
        ("{{ edge.http_address }} {{ edge.tcp_address(5) }}", "127.0.0.1:8080 127.0.0.1:5"),
        ("a\n{% if true %}\nb\n{% endif %}\n", "a\nb\n"),
    ],
)  # fmt: skip
def test_templates_can_ask(source: str, text: str) -> None:
    assert rendered(source) == text


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("{{ nothing }}", id="a-name-that-does-not-exist"),
        pytest.param("{{ key('nothing') }}", id="a-key-that-does-not-exist"),
        pytest.param("{{ service('web')[5].address }}", id="a-place-that-does-not-exist"),
        pytest.param("{{ ''.__class__.__mro__ }}", id="python-s-inside"),
        pytest.param("{{ model.__init__.__globals__ }}", id="python-s-inside-of-the-model"),
        pytest.param("{{ 1 / 0 }}", id="arithmetic"),
        pytest.param("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", id="without-an-end"),
        pytest.param(r"""{{ '\ud800' }}""", id="half-a-character"),
        pytest.param("{{ services().nothing() }}", id="a-call-of-nothing"),
        pytest.param("{{ 'x' * 10 ** 20 }}", id="more-than-fits"),
    ],
)
def test_what_a_template_must_not_ask_is_an_error_in_words(source: str) -> None:
    with pytest.raises(RenderError, match="the template cannot be rendered: "):
        rendered(source)


def test_a_template_with_a_mistake_names_its_line() -> None:
    with pytest.raises(RenderError, match=r"line 2\)"):
        renderer("good\n{% for %}")


def test_a_value_is_never_read_as_a_template() -> None:
    hostile = {"web-80/x": b"{{ 7 * 7 }}{% raise %}"}
    text = renderer("{{ key('web-80/x') }}").render(View(Model(), (), hostile)).text
    assert text == "{{ 7 * 7 }}{% raise %}"


@given(st.text())
def test_a_quoted_value_is_one_harmless_word(value: str) -> None:
    text = quote(value)
    assert (text[0], text[-1]) == ("'", "'")
    assert not set(text[1:-1]) & set("'\"\\$%{}\r\n\t\0")
    assert text.isascii()
    assert text.isprintable()


@given(st.text())
def test_an_identifier_is_one_plain_word(value: str) -> None:
    assert ident(value)
    assert len(ident(value)) <= 128
    assert not set(ident(value)) & set(" \r\n\t\"'\\$%{};#:/")


def test_only_servers_leave_haproxy_s_revision_as_it_is() -> None:
    one, other = Server("a", "10.0.0.1:1"), Server("b", "10.0.0.2:1")
    first, second = edge("haproxy", one), edge("haproxy", one, other)
    assert first.text != second.text
    assert first.revision == second.revision
    assert first.revision != edge("haproxy", one, path="/x").revision


def test_servers_are_part_of_nginx_s_revision() -> None:
    one, other = Server("a", "10.0.0.1:1"), Server("b", "10.0.0.2:1")
    assert edge("nginx", one).revision != edge("nginx", one, other).revision


@pytest.mark.parametrize("kind", ["haproxy", "nginx"])
def test_a_file_tells_its_revision_and_ends_its_last_line(kind: str) -> None:
    found = edge(kind, Server("a", "10.0.0.1:1"))
    assert found.revision in found.text
    assert found.text.endswith("\n")


def test_what_the_environment_has_of_odd_bytes_comes_out_as_it_is() -> None:
    odd = Renderer(
        "{{ env('NAME') }}", edge=Edge(), paths=PATHS, environ={"NAME": "caf\udce9"}
    ).render(View(Model()))
    assert odd.text.encode(errors="surrogateescape") == b"caf\xe9"


def test_a_part_s_path_tells_its_content_apart() -> None:
    first, second = edge("haproxy"), edge("haproxy", path="/x")
    ((one, text),) = first.parts.items()
    assert text == "web/ web-80\n"
    assert one in first.text
    assert one.startswith("/run/x.d/parts/")
    assert second.parts.keys() != first.parts.keys()
    assert edge("haproxy", Server("a", "10.0.0.1:1")).parts == first.parts


def test_haproxy_looks_a_route_up_once_however_many_there_are() -> None:
    names = [f"s{number}-80" for number in range(1000)]
    model = Model(
        tuple(Backend(name) for name in names), tuple(Route(name, "", name) for name in names)
    )
    found = renderer(shipped_template("haproxy"), is_adjustable=True).render(View(model))
    assert found.text.count("use_backend") == 1
    (routes,) = found.parts.values()
    assert len(routes.splitlines()) == 1000


def test_an_own_template_can_put_a_part_beside_its_file() -> None:
    found = renderer("{{ beside('a list!', 'one') }}").render(View(Model()))
    assert list(found.parts.items()) == [(found.text, "one")]
    assert found.text.endswith("-a_list_")


def test_an_empty_backend_is_answered_with_503_by_nginx() -> None:
    text = edge("nginx").text
    assert "upstream web-80" not in text
    assert 'return 503 "no server is available\\n"' in text


@pytest.mark.parametrize(
    ("servers", "backups"),
    [
        pytest.param((Server("a", "10.0.0.1:1", is_backup=True),), 0, id="backups-only"),
        pytest.param(
            (Server("a", "10.0.0.1:1"), Server("b", "10.0.0.2:1", is_backup=True)), 1, id="one"
        ),
    ],
)
def test_nginx_gets_backups_only_beside_others(servers: tuple[Server, ...], backups: int) -> None:
    assert edge("nginx", *servers).text.count(" backup;") == backups


def test_only_an_nginx_that_we_run_has_its_pid_file_where_we_say() -> None:
    """A package's unit waits for the one that it was built with."""
    assert "pid /run/x.d/nginx.pid;" in edge("nginx").text
    of_somebody = Renderer(
        shipped_template("nginx"), edge=Edge(), paths=Paths("", "/run/x.d"), environ={}
    )
    assert "nginx.pid" not in of_somebody.render(View(Model())).text
