"""The manager's own sockets: bound all or none, and gone afterwards."""

from pathlib import Path

import pytest

from master.listen import ListenError, listening


def test_a_unix_socket_is_its_owners_and_goes_with_the_manager(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "swarm.sock"
    with listening([f"unix://{path}"]) as sockets:
        assert path.stat().st_mode & 0o777 == 0o600
        sockets[0].close()  # as the server does when it stops
    assert not path.exists()


def test_a_socket_left_over_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "swarm.sock"
    with listening([f"unix://{path}"]):
        pass
    with listening([f"unix://{path}"]):
        assert path.exists()


def test_what_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("mine")
    with pytest.raises(ListenError, match=f"listen unix {path}"), listening([f"unix://{path}"]):
        pytest.fail("it listened")
    assert path.read_text() == "mine"
