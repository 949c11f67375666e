import ssl
from pathlib import Path

import pytest

from common.tls import TlsFiles, check_flags, client_context, server_context

# Made for these tests only; nothing ever trusted them.
CERT = """\
-----BEGIN CERTIFICATE-----
MIIBmjCCAUGgAwIBAgIUbfO08KF4j40Dh8oyBeaVG4KwImowCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjExMzE1NloYDzIxMjYxMDI5
MTEzMTU2WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATPYqGZhUzYzLUdZ0cihhmEAu5RnGo+thb2SSbVCKieVU6UatFZ1wpo
BXX0cMTM9ltZvpKhJGB0Xs8GjlJM52ZFo28wbTAdBgNVHQ4EFgQUsr+UfB2Cxq4s
ckJt3twkd/Aorm8wHwYDVR0jBBgwFoAUsr+UfB2Cxq4sckJt3twkd/Aorm8wDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDRwAwRAIgZxsBbczU9omVWbS1PtuQFC8LwuXKnBGnfBAfzoy9yjMCIHRv
MsmqvWjWZt9MRuCrG38xeSHhW+vwn6JBYHLVzuuU
-----END CERTIFICATE-----
"""
KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgfwHUyScE/FY0Gjjo
kyxu1mq5ZcZGhEkzs4BMQ5Yy2mWhRANCAATPYqGZhUzYzLUdZ0cihhmEAu5RnGo+
thb2SSbVCKieVU6UatFZ1wpoBXX0cMTM9ltZvpKhJGB0Xs8GjlJM52ZF
-----END PRIVATE KEY-----
"""
ENCRYPTED_KEY = """\
-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-128-CBC,897E44B04647151A9B1C48BFD928964C

E9eQ53iH1rox8KLYJQYrtgOuFf/nG3vnPzin/MHKQVzNByroje0Cqu8wI/2Yx8zB
VyNtzUTH6RKLve0IYfFqh9Sbv5TQuUfBF+usHtgOzLgwKWLyj7rcqTPblXuvPPdU
LzblHFk/OiA3ShHkMxhYlCvkfPRIM44ZT0IIOKBUUEo=
-----END EC PRIVATE KEY-----
"""


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    for name, text in (("cert", CERT), ("key", KEY), ("encrypted", ENCRYPTED_KEY)):
        (tmp_path / name).write_text(text)
    return TlsFiles(cert=str(tmp_path / "cert"), key=str(tmp_path / "key"))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        pytest.param(
            {"cert": "c"},
            "--tlscert, --tlskey and --tlscacert require the use of either --tls or --tlsverify",
            id="files-without-tls",
        ),
        pytest.param(
            {"tls": True, "cert": "c"},
            "--tlscert and --tlskey must be provided when using --tls",
            id="no-key",
        ),
        pytest.param(
            {"verify": True, "ca": "a"},
            "--tlscert and --tlskey must be provided when using --tls",
            id="verify-needs-them-too",
        ),
        pytest.param(
            {"verify": True, "cert": "c", "key": "k"},
            "--tlscacert must be provided when using --tlsverify",
            id="no-ca",
        ),
    ],
)
def test_contradicting_flags_are_refused(flags: dict[str, str | bool], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        check(**flags)


def test_flags_that_agree_name_the_files() -> None:
    assert check() is None
    assert check(tls=True, cert="c", key="k") == TlsFiles("c", "k")
    assert check(verify=True, cert="c", key="k", ca="a") == TlsFiles("c", "k", "a", verify=True)


def test_without_verify_no_certificate_is_asked_for(files: TlsFiles) -> None:
    assert server_context(files).verify_mode is ssl.CERT_NONE
    client = client_context(files)
    assert (client.verify_mode, client.check_hostname) == (ssl.CERT_NONE, False)


def test_with_verify_both_sides_ask_for_one(files: TlsFiles) -> None:
    verified = TlsFiles(files.cert, files.key, ca=files.cert, verify=True)
    server, client = server_context(verified), client_context(verified)
    assert server.verify_mode is client.verify_mode is ssl.CERT_REQUIRED
    assert client.check_hostname
    assert server.cert_store_stats()["x509"] == client.cert_store_stats()["x509"] == 1


def test_old_tls_is_refused(files: TlsFiles) -> None:
    oldest = ssl.TLSVersion.TLSv1_2
    assert server_context(files).minimum_version == client_context(files).minimum_version == oldest


def test_a_handshake_agrees_on_http_1_1(files: TlsFiles) -> None:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context(files).wrap_bio(to_server, to_client, server_side=True)
    client = client_context(files).wrap_bio(to_client, to_server)
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert client.selected_alpn_protocol() == server.selected_alpn_protocol() == "http/1.1"


@pytest.mark.parametrize(
    ("cert", "key", "reason"),
    [
        pytest.param("missing", "key", "No such file", id="missing"),
        pytest.param("key", "key", "", id="no-certificate-in-it"),
        # OpenSSL would ask for the passphrase on the terminal: the test would hang.
        pytest.param("cert", "encrypted", "Key encrypted?", id="encrypted"),
    ],
)
def test_bad_files_are_named(
    tmp_path: Path, files: TlsFiles, cert: str, key: str, reason: str
) -> None:
    bad = TlsFiles(str(tmp_path / cert), str(tmp_path / key))
    for build in (server_context, client_context):
        with pytest.raises(ValueError, match="Couldn't load X509 key pair") as caught:
            build(bad)
        assert f"({bad.cert}, {bad.key}): " in str(caught.value)
        assert reason in str(caught.value)


def test_a_bad_ca_is_named(files: TlsFiles) -> None:
    bad = TlsFiles(files.cert, files.key, ca=files.key, verify=True)
    with pytest.raises(ValueError, match="Couldn't load the CA certificate"):
        server_context(bad)


def check(
    *, tls: bool = False, verify: bool = False, ca: str = "", cert: str = "", key: str = ""
) -> TlsFiles | None:
    return check_flags(tls=tls, verify=verify, ca=ca, cert=cert, key=key)
