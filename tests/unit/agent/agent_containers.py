"""Containers for tests of the agent's rules, in an engine's own words."""

from typing import Any

from agent.rules.container import Container, read_container

ID = "c" * 64


def inspect(
    *,
    image: str = "web",
    name: str = "c1",
    env: dict[str, str] | None = None,
    labels: dict[str, str] | None = None,
    ports: dict[str, list[tuple[str, str]] | None] | None = None,
    exposed: tuple[str, ...] = (),
    mode: str = "default",
    networks: dict[str, str] | None = None,
    state: dict[str, Any] | None = None,
    stop_signal: str | None = None,
    stop_timeout: int | None = None,
) -> dict[str, Any]:
    """What an engine answers; *ports* maps ``80/tcp`` to pairs of HostIp and HostPort."""
    published = {"80/tcp": [("0.0.0.0", "32768")]} if ports is None else ports
    addresses = {"bridge": "172.17.0.2"} if networks is None else networks
    return {
        "Id": ID,
        "Name": f"/{name}",
        "Image": "sha256:" + "ab" * 32,
        "State": {"Running": True, "StartedAt": "2026-01-02T03:04:05.123456789Z", **(state or {})},
        "Config": {
            "Image": image,
            "Env": [f"{key}={value}" for key, value in (env or {}).items()],
            "Labels": labels or {},
            "ExposedPorts": {port: {} for port in (*published, *exposed)},
            "StopSignal": stop_signal,
            "StopTimeout": stop_timeout,
        },
        "HostConfig": {"NetworkMode": mode},
        "NetworkSettings": {
            "Ports": {
                port: None if rows is None else [{"HostIp": ip, "HostPort": no} for ip, no in rows]
                for port, rows in published.items()
            },
            "Networks": {
                name: {"NetworkID": name * 2, "IPAddress": ip} for name, ip in addresses.items()
            },
        },
    }


def container(**how: Any) -> Container:
    """The same, as the agent reads it."""
    return read_container(inspect(**how))
