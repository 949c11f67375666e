"""Why an image was not given, from an engine's words: `master.cluster.images.missing`."""

import pytest

from master.cluster.images.missing import is_registrys_no, lacks_image


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        pytest.param(404, "No such image: app:1", True, id="20.10"),
        pytest.param(404, "no such image: app: No such image: app:1", True, id="wrapped"),
        pytest.param(404, "network web not found", False, id="a-network"),
        pytest.param(500, "No such image: app:1", False, id="another-status"),
    ],
)
def test_a_create_is_refused_for_want_of_its_image(
    status: int, message: str, expected: bool
) -> None:
    assert lacks_image(status, message) is expected


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (
            404,
            "pull access denied for app, repository does not exist or may require 'docker login'",
        ),
        (404, "manifest for reg:5000/app:1 not found: manifest unknown: manifest unknown"),
        (500, 'Get "http://reg:5000/v2/app/manifests/1": no basic auth credentials'),
        (500, 'Head "https://reg/v2/app/manifests/1": unauthorized: authentication required'),
        (500, "denied: requested access to the resource is denied"),
        (500, 'failed to resolve reference "reg/app:1": reg/app:1: not found'),
        (500, "insufficient_scope: authorization failed"),
        (401, "whatever"),
    ],
)
def test_a_registry_says_no(status: int, message: str) -> None:
    assert is_registrys_no(status, message)


@pytest.mark.parametrize(
    "message",
    [
        'Get "http://reg:5000/v2/": dial tcp 127.0.0.1:5000: connect: connection refused',
        'Get "https://reg/v2/": dial tcp: lookup reg: no such host',
        "write /var/lib/docker/tmp/GetImageBlob1: no space left on device",
        "open /var/lib/docker/tmp/x: permission denied",
        "no matching manifest for windows/amd64 in the manifest list entries",
        "toomanyrequests: You have reached your pull rate limit",
    ],
)
def test_what_hinders_a_pull_is_no_registrys_no(message: str) -> None:
    assert not is_registrys_no(500, message)
