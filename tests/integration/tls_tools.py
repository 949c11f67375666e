"""Certificates for tests, made with openssl."""

import subprocess
from pathlib import Path

_EXTENSIONS = """subjectAltName=DNS:localhost,IP:127.0.0.1
extendedKeyUsage=serverAuth,clientAuth
"""


def make_certificates(folder: Path) -> Path:
    """Put ca.pem, and cert.pem and key.pem for server and client alike, into *folder*."""
    new = ["req", "-newkey", "rsa:2048", "-nodes"]
    _openssl(folder, *new, "-x509", "-days", "2", "-subj", "/CN=ca", "-keyout", "ca-key.pem",
             "-out", "ca.pem")  # fmt: skip
    _openssl(folder, *new, "-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "request.pem")
    (folder / "extensions").write_text(_EXTENSIONS)
    _openssl(folder, "x509", "-req", "-days", "2", "-in", "request.pem", "-CA", "ca.pem",
             "-CAkey", "ca-key.pem", "-CAcreateserial", "-extfile", "extensions",
             "-out", "cert.pem")  # fmt: skip
    return folder


def flags(folder: Path) -> list[str]:
    """The flags that name the certificates, for `swarm` and for `docker` alike."""
    names = {"--tlscacert": "ca.pem", "--tlscert": "cert.pem", "--tlskey": "key.pem"}
    return [f"{flag}={folder / name}" for flag, name in names.items()]


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
