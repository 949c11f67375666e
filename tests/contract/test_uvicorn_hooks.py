"""What the front relies on in uvicorn's private parts: read this when the pin is moved."""

from __future__ import annotations

import inspect

import pytest
import uvicorn
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import Server, ServerState

pytestmark = pytest.mark.contract


def test_the_version_is_the_one_that_the_front_was_written_for() -> None:
    assert uvicorn.__version__ == "0.54.0"


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (HttpToolsProtocol.__init__, ["config", "server_state", "app_state", "_loop"]),
        (HttpToolsProtocol.connection_made, ["transport"]),
        (HttpToolsProtocol._start_asgi_task, ["cycle", "app"]),
        (HttpToolsProtocol.on_response_complete, []),
        (HttpToolsProtocol.send_400_response, ["msg"]),
        (HttpToolsProtocol.pause_writing, []),
        (HttpToolsProtocol.resume_writing, []),
        (FlowControl.pause_reading, []),
        (FlowControl.resume_reading, []),
        (Server.shutdown, ["sockets"]),
        (Server.capture_signals, []),
    ],
)
def test_a_hook_is_still_there(function: object, parameters: list[str]) -> None:
    assert list(inspect.signature(function).parameters)[1:] == parameters  # type: ignore[arg-type]


def test_the_server_keeps_what_the_front_counts_in() -> None:
    state = ServerState()
    assert state.connections == set()
    assert state.tasks == set()
    assert state.default_headers == []


def test_a_cycle_says_how_far_its_answer_is() -> None:
    names = inspect.getsource(RequestResponseCycle.__init__)
    known = ("scope", "response_started", "keep_alive", "default_headers", "disconnected")
    for name in (*known, "chunked_encoding", "expected_content_length"):
        assert f"self.{name}" in names
