"""What the suite is run with: a machine that lacks a client must not be green without it."""

import subprocess

import pytest
from integration_tools import docker_clients

from lab.install import find


def test_every_generation_of_the_docker_command_is_tested() -> None:
    assert {"20", "26", "28"} <= {version.split(".")[0] for version in docker_clients()}


@pytest.mark.parametrize(
    ("program", "generation"),
    [("current_docker", "28."), ("newer_docker", "26.1."), ("older_docker", "20.10.")],
)
def test_the_lab_finds_each_by_its_generation(program: str, generation: str) -> None:
    command = [getattr(find(), program), "--version"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert told.startswith(f"Docker version {generation}")
