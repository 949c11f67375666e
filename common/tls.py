"""TLS contexts from the four flags ``--tlsverify --tlscacert --tlscert --tlskey``.

Only contexts: bytes through TLS are the business of ``common.tlslayer``.
"""

import ssl
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The certificate that a manager shows to its clients and to its engines alike."""

    cert: str
    """Path of the PEM certificate (chain)."""
    key: str
    """Path of its PEM private key, not encrypted."""
    ca: str = ""
    """Path of the PEM certificates that peers must be signed by; empty: none."""
    verify: bool = False
    """Demand a certificate of clients, and check the one of engines."""


def check_flags(*, tls: bool, verify: bool, ca: str, cert: str, key: str) -> TlsFiles | None:
    """Return what the TLS flags ask for, None for plain connections.

    Raises:
        ValueError: the flags contradict each other; in classic Swarm's words.
    """
    if not (tls or verify):
        if ca or cert or key:
            raise ValueError(
                "--tlscert, --tlskey and --tlscacert require the use of either --tls or --tlsverify"
            )
        return None
    if not (cert and key):
        raise ValueError("--tlscert and --tlskey must be provided when using --tls")
    if verify and not ca:
        raise ValueError("--tlscacert must be provided when using --tlsverify")
    return TlsFiles(cert=cert, key=key, ca=ca, verify=verify)


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """Return the context for listeners; with ``verify`` a client needs a certificate of the CA.

    Raises:
        ValueError: a file cannot be read or is not what it should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _load(context, files)
    context.verify_mode = ssl.CERT_REQUIRED if files.verify else ssl.CERT_NONE
    return context


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """Return the context for dialling engines; without ``verify`` any certificate will do.

    Raises:
        ValueError: a file cannot be read or is not what it should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # check_hostname must go first: Python refuses CERT_NONE while it is on.
    context.check_hostname = files.verify
    context.verify_mode = ssl.CERT_REQUIRED if files.verify else ssl.CERT_NONE
    _load(context, files)
    return context


def _load(context: ssl.SSLContext, files: TlsFiles) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Docker's API is HTTP/1.1 with hijacked connections, which HTTP/2 does not have.
    context.set_alpn_protocols(["http/1.1"])
    try:
        # An encrypted key would make OpenSSL ask for its passphrase on the terminal and wait.
        context.load_cert_chain(files.cert, files.key, password=lambda: b"")
    except (OSError, ValueError) as exc:  # ssl.SSLError is an OSError
        raise ValueError(
            f"Couldn't load X509 key pair ({files.cert}, {files.key}): {_reason(exc)}."
            " Key encrypted?"
        ) from exc
    if not files.ca:
        return
    try:
        context.load_verify_locations(cafile=files.ca)
    except (OSError, ValueError) as exc:
        raise ValueError(f"Couldn't load the CA certificate ({files.ca}): {_reason(exc)}") from exc


def _reason(exc: Exception) -> str:
    return (isinstance(exc, OSError) and exc.strerror) or str(exc) or type(exc).__name__
