import pytest

from swarm.main import main


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("http://a/", "http://b/"), "one address is enough. See 'swarm health --help'."),
        (("ftp://a/x",), "ftp://a/x: expected http://HOST:PORT/PATH or unix:///PATH"),
        (("unix://a",), "unix://a: expected http://HOST:PORT/PATH or unix:///PATH"),
        (("http://a:x/",), "http://a:x/: Port could not be cast to integer value as 'x'"),
        (("--timeout", "0s"), "--timeout should be a positive number"),
        (("--timeout", "x"), 'invalid --timeout: time: invalid duration "x"'),
    ],
)
def test_what_cannot_be_asked_is_refused(
    argv: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(("health", *argv), {}) == 1
    assert capsys.readouterr().err == f"swarm: {message}\n"
