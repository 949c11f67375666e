"""What a plugin is called once it is installed: clients enable it by that name."""

import pytest

from master.cluster.images.reference import plugin_name


@pytest.mark.parametrize(
    ("remote", "alias", "name"),
    [
        ("reg:5000/a/b", "", "reg:5000/a/b:latest"),
        ("reg:5000/a/b:1", "", "reg:5000/a/b:1"),
        ("docker.io/vieux/sshfs", "", "vieux/sshfs:latest"),
        (f"a/b@sha256:{'0' * 64}", "", "a/b:latest"),
        (f"a/b:1@sha256:{'0' * 64}", "", "a/b:1"),
        ("a/b:1", "mine", "mine:latest"),
        ("UPPER", "", ""),
        ("", "", ""),
    ],
)
def test_it_is_the_alias_or_where_it_came_from_with_a_tag(
    remote: str, alias: str, name: str
) -> None:
    assert plugin_name(remote, alias) == name
