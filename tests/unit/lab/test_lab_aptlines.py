"""Another release's source line comes from the lines that the machine has."""

import pytest

from lab.aptlines import Source, other_suite_lines, parse_deb822, parse_one_line

_SIGNED = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
_DEB822 = """\
Types: deb deb-src
# http://a.comment.example.org/debian
URIs: http://mirror.example.org/debian
Suites: bookworm bookworm-updates
Components: main
 contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example.org/debian-security
Suites: bookworm-security
Components: main

Types: deb
Enabled: no
URIs: http://off.example.org/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://sources.example.org/debian
Suites: bookworm
Components: main
"""


def test_deb822_gives_the_enabled_binary_sources() -> None:
    assert list(parse_deb822(_DEB822)) == [
        Source(
            "http://mirror.example.org/debian",
            ("bookworm", "bookworm-updates"),
            ("main", "contrib"),
        ),
        Source("http://mirror.example.org/debian-security", ("bookworm-security",), ("main",)),
    ]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        pytest.param(
            "deb http://m.example.org/debian bookworm main non-free",
            [Source("http://m.example.org/debian", ("bookworm",), ("main", "non-free"))],
            id="plain",
        ),
        pytest.param(
            "deb [arch=amd64 trusted=yes] http://m.example.org/debian sid main # note",
            [Source("http://m.example.org/debian", ("sid",), ("main",))],
            id="options-and-note",
        ),
        pytest.param("# deb http://m.example.org/debian bookworm main", [], id="commented-out"),
        pytest.param("deb-src http://m.example.org/debian bookworm main", [], id="source-code"),
    ],
)
def test_one_line_style(line: str, found: list[Source]) -> None:
    assert list(parse_one_line(line)) == found


def test_the_own_mirror_is_tried_first_then_its_archives() -> None:
    lines = other_suite_lines(parse_deb822(_DEB822), "bullseye")
    assert lines == [
        f"deb {_SIGNED} http://mirror.example.org/debian bullseye main",
        f"deb {_SIGNED} http://mirror.example.org/debian-archive/debian bullseye main",
        f"deb {_SIGNED} http://archive.example.org/debian bullseye main",
    ]


def test_a_dated_archive_keeps_its_date() -> None:
    dated = Source("http://s.example.org/archive/debian/20250101T000000Z", ("bookworm",), ("main",))
    first = other_suite_lines([dated], "trixie")[0]
    assert first == f"deb {_SIGNED} {dated.uri} trixie main"


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(
            Source("http://m.example.org/debian-security", ("bookworm-security",), ("main",)),
            id="security",
        ),
        pytest.param(
            Source("https://third.example.org/packages", ("stable",), ("main",)), id="third-party"
        ),
        pytest.param(
            Source("http://m.example.org/debian", ("bookworm",), ("contrib",)), id="not-main"
        ),
    ],
)
def test_other_archives_are_no_base_for_a_line(source: Source) -> None:
    assert other_suite_lines([source], "bullseye") == []


def test_an_address_without_a_name_gets_no_sibling_host() -> None:
    lines = other_suite_lines([Source("http://127.0.0.1/debian", ("sid",), ("main",))], "trixie")
    assert [line.split()[2] for line in lines] == [
        "http://127.0.0.1/debian",
        "http://127.0.0.1/debian-archive/debian",
    ]
