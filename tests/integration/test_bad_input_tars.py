"""Tars that are none, or end early: the engine's own words for each verb, and nothing half made."""

from collections.abc import Iterator

import pytest
from bad_input_tools import BROKEN, TAR, ask, connect, half_made, images, told, uploads
from image_tools import reset_images
from integration_tools import Api, until

from lab.cluster import Lab
from tests.fakes.client import Client

VERBS = ["load", "build", "archive", "import"]


@pytest.fixture(autouse=True)
def _web(lab: Lab, api: Api) -> Iterator[None]:
    api.create("web", Env=["constraint:node==dockerhost01"])
    yield
    reset_images(lab, api)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("how", BROKEN)
def test_the_content_is_judged_by_the_engine(
    lab: Lab, api: Api, engine: Api, verb: str, how: str
) -> None:
    method, target, good = uploads()[verb]
    body = BROKEN[how](good)
    before = images(lab)
    ours = told(ask(api, method, target, body, TAR))
    if verb == "load" or ours[0] >= 400:
        assert images(lab) == before
    assert ours == told(ask(engine, method, target, body, TAR))
    until(lambda: not half_made(lab), 5, "the end of what was half made")


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("chunk", "words"),
    [
        pytest.param(b"zz\r\n", "invalid byte in chunk length", id="no-number"),
        pytest.param(b"-5\r\n", "invalid byte in chunk length", id="negative"),
        pytest.param(b"f" * 18 + b"\r\n", "http chunk length too large", id="huge"),
        pytest.param(b"3\r\nabcde\r\n", "malformed chunked encoding", id="longer-than-it-said"),
    ],
)
def test_a_broken_frame_is_judged_by_the_manager_in_the_same_words(
    lab: Lab, api: Api, engine: Api, verb: str, chunk: bytes, words: str
) -> None:
    """With 400, as it is the request that is wrong: engines take it for a fault of the tar."""
    method, target, _ = uploads()[verb]
    with connect(api) as client:
        begin(client, method, target, "Transfer-Encoding: chunked", chunk)
        assert told(client.answer()) == (400, {words})
        assert client.is_closed
    with connect(engine) as client:
        begin(client, method, target, "Transfer-Encoding: chunked", chunk)
        status, said = told(client.answer())
    assert status == (200 if verb == "load" else 500)
    assert words in "".join(said)
    until(lambda: not half_made(lab), 5, "the end of what was half made")


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("framing", ["Transfer-Encoding: chunked", "Content-Length: 10000000000"])
def test_a_body_that_stops_is_refused_and_forgotten(
    lab: Lab, api: Api, verb: str, framing: str
) -> None:
    method, target, good = uploads()[verb]
    part = b"%x\r\n%s\r\n" % (len(good), good) if "chunked" in framing else good
    before = images(lab)
    with connect(api) as client:
        begin(client, method, target, framing, part)
        client.half_close()
        assert told(client.answer()) == (400, {"unexpected EOF"})
        assert client.is_closed
    with connect(api) as client:
        begin(client, method, target, framing, part)
        client.kill()
    until(lambda: not half_made(lab), 5, "the end of what was half made")
    assert images(lab) == before
    assert told(ask(api, method, target, good, TAR)) == (200, frozenset())


def begin(client: Client, method: str, target: str, framing: str, part: bytes) -> None:
    """A request, as far as *part*."""
    client.request(method, target, None, TAR, framing)
    client.send(part)
