"""``docker search``: engines ask a registry's index, the manager passes on what they find."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from integration_tools import Cli, at_an_engine

from lab.cluster import Lab

_FOUND = [
    {"name": "lab/thought", "description": "thinks", "star_count": 42, "is_official": False},
    {"name": "thought", "description": "The answer", "star_count": 7, "is_official": True},
]


class Index(BaseHTTPRequestHandler):
    """What a registry's first API has for searches."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        answer: object = {}
        if url.path.endswith("/search"):
            (term,) = parse_qs(url.query)["q"]
            found = [row for row in _FOUND if term in str(row["name"])]
            answer = {"query": term, "num_results": len(found), "results": found}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nobody reads a log of it."""


@pytest.fixture(scope="module")
def index(lab: Lab) -> Iterator[str]:
    """Host and port of an index, where engines reach it."""
    host = lab.registry.endpoint.partition(":")[0]
    with ThreadingHTTPServer((host, 0), Index) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"{host}:{server.server_address[1]}"
        finally:
            server.shutdown()


def test_a_search_finds_what_an_engine_finds(any_docker: Cli, lab: Lab, index: str) -> None:
    words = ("search", f"{index}/thought")
    done = any_docker(*words)
    assert [line.split()[0] for line in done.out.splitlines()] == ["NAME", "lab/thought", "thought"]
    assert done.out == at_an_engine(any_docker, lab)(*words).out


def test_a_search_may_be_narrowed(any_docker: Cli, index: str) -> None:
    options = ("--filter", "is-official=true", "--format", "{{.Name}} {{.StarCount}}")
    assert any_docker("search", *options, f"{index}/thought").out == "thought 7\n"
    assert any_docker("search", "--format", "{{.Name}}", f"{index}/nothing").out == ""


def test_a_bad_filter_is_refused_as_by_an_engine(any_docker: Cli, lab: Lab, index: str) -> None:
    words = ("search", "--filter", "stars=many", f"{index}/thought")
    done = any_docker.fails(*words, code=1)
    assert done.err == at_an_engine(any_docker, lab).fails(*words).err
