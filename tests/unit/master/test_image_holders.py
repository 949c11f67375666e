"""Which engines have an image, and which of them is asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from master.cluster.images.current import superseded
from master.cluster.images.holders import (
    best_collector,
    current_holders,
    full_name,
    has_tag,
    image_holders,
    is_digest,
    newer_source,
    others_with_tag,
    repository_holders,
    repository_tags,
    sources_for,
)
from master.cluster.model import Engine, Health, Image
from master.cluster.state import ClusterState

A, B, C = ("10.0.0.1:2375", "10.0.0.2:2375", "10.0.0.3:2375")
OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def state(**tags: dict[str, str]) -> ClusterState:
    """Engines A, B and C; each of *tags* is ``{tag: image ID}`` of one of them."""
    made = ClusterState()
    for name, address in (("A", A), ("B", B), ("C", C)):
        info = {"OSType": "linux", "Architecture": "x86_64"}
        made.put_engine(
            Engine(address=address, id=name, name=name, health=Health.HEALTHY, info=info)
        )
        images = [
            Image(id=image_id, engine=address, tags=(tag,), digests=(), row={"Id": image_id})
            for tag, image_id in tags.get(name, {}).items()
        ]
        made.replace_images(address, images)
    return made


def lost(found: ClusterState, address: str) -> None:
    """The engine at *address* is unhealthy from now on."""
    engine = found.engine(address)
    assert engine is not None
    found.put_engine(replace(engine, health=Health.UNHEALTHY))


def is_arm(found: ClusterState, address: str) -> None:
    """The engine at *address* is of another architecture."""
    engine = found.engine(address)
    assert engine is not None
    found.put_engine(replace(engine, info={"OSType": "linux", "Architecture": "aarch64"}))


def test_healthy_holders_only() -> None:
    found = state(A={"app:1": OLD}, B={"app:1": OLD})
    assert list(image_holders(found, "app:1")) == [A, B]
    lost(found, A)
    assert list(image_holders(found, "app:1")) == [B]
    assert image_holders(found, "other") == {}
    assert image_holders(found, "NO name") == {}


def test_any_tag_of_a_repository() -> None:
    found = state(A={"host:5000/app:1": OLD}, B={"app:1": OLD}, C={"apple:1": OLD})
    assert repository_holders(found, "app") == [B]
    assert repository_holders(found, "docker.io/library/app") == [B]
    assert repository_holders(found, "host:5000/app") == [A]
    for tagged in ("app:1", "app:latest", "app@sha256:" + "a" * 64, OLD, "NO name"):
        assert repository_holders(found, tagged) == []


def test_of_a_repository_the_current_tags_are_meant() -> None:
    found = state(A={"app:1": OLD}, B={"app:1": OLD}, C={"app:1": OLD})
    assert repository_holders(found, "app") == [A, B, C]
    retagged(found, B, "app:1", NEW)
    assert repository_holders(found, "app") == [B]


def test_a_port_is_no_tag() -> None:
    assert not has_tag("host:5000/app")
    assert has_tag("host:5000/app:1")
    assert is_digest("app@sha256:" + "a" * 64)
    assert not is_digest("app:1")


def test_images_are_brought_where_most_of_them_are() -> None:
    holders = {"x": frozenset({A, B}), "y": frozenset({B}), "z": frozenset({C})}
    assert best_collector(holders) == (B, ["z"])
    assert best_collector({"x": frozenset({C})}) == (C, [])


def test_a_copy_comes_from_an_engine_of_the_same_kind() -> None:
    found = state(A={"app:1": OLD}, B={"app:1": OLD})
    target = found.engines()[C]
    assert [engine.name for engine in sources_for(found, "app:1", target)] == ["A", "B"]
    is_arm(found, A)
    assert [engine.name for engine in sources_for(found, "app:1", target)] == ["B"]
    assert sources_for(found, "app:1", found.engines()[B]) == []


@pytest.mark.parametrize("arm", [False, True])
def test_who_has_another_image_under_a_tag(arm: bool) -> None:
    found = state(A={"app:1": NEW}, B={"app:1": OLD}, C={"app:1": NEW})
    if arm:
        is_arm(found, B)
    others = others_with_tag(found, "app:1", found.engines()[A], NEW)
    assert [engine.name for engine in others] == ([] if arm else ["B"])


def retagged(found: ClusterState, address: str, tag: str, image_id: str) -> None:
    """The engine at *address* calls this image by *tag* from now on."""
    image = Image(id=image_id, engine=address, tags=(tag,), digests=(), row={"Id": image_id})
    found.replace_images(address, [image])


def newer(found: ClusterState, reference: str, address: str) -> str | None:
    source = newer_source(found, reference, found.engines()[address])
    return source.name if source is not None else None


def test_who_got_a_tag_last_has_what_it_means() -> None:
    found = state(A={"app:1": OLD}, B={"app:1": OLD})
    retagged(found, A, "app:1", NEW)
    assert newer(found, "app:1", B) == "A"
    assert newer(found, "docker.io/library/app:1", B) == "A"
    assert newer(found, "app:1", A) is None
    assert newer(found, "app:1", C) is None  # it has none: that is a copy, not a newer one
    assert [engine.name for engine in sources_for(found, "app:1", found.engines()[C])] == ["A", "B"]
    retagged(found, B, "app:1", "sha256:" + "c" * 64)
    assert newer(found, "app:1", A) == "B"
    assert [engine.name for engine in sources_for(found, "app:1", found.engines()[C])] == ["B", "A"]
    retagged(found, A, "app:1", "sha256:" + "c" * 64)
    assert newer(found, "app:1", A) is None
    assert newer(found, "app:1", B) is None


def test_what_was_different_from_the_start_stays() -> None:
    found = state(A={"app:1": OLD}, B={"app:1": NEW})
    assert newer(found, "app:1", A) is None
    assert newer(found, "app:1", B) is None


def test_another_architecture_or_a_lost_engine_has_no_say() -> None:
    found = state(A={"app:1": OLD}, B={"app:1": OLD})
    retagged(found, A, "app:1", NEW)
    is_arm(found, A)
    assert newer(found, "app:1", B) is None
    is_arm(found, B)
    assert newer(found, "app:1", B) == "A"
    lost(found, A)
    assert newer(found, "app:1", B) is None


def test_a_tag_that_was_removed_is_forgotten() -> None:
    found = state(A={"app:1": OLD}, B={"app:1": OLD})
    retagged(found, A, "app:1", NEW)
    retagged(found, A, "other:1", NEW)
    assert found.tag_log.newest("app:1", [A, B]) is None
    found.remove_engine(A)
    assert found.tag_log.newest("other:1", [A]) is None


def test_what_a_tag_means_now_is_what_it_was_given_to_last() -> None:
    found = state(A={"app:1": OLD}, B={"app:1": OLD}, C={"app:1": OLD})
    assert list(current_holders(found, "app:1")) == [A, B, C]
    assert superseded(found) == set()
    retagged(found, C, "app:1", NEW)
    assert list(current_holders(found, "docker.io/library/app:1")) == [C]
    assert list(image_holders(found, "app:1")) == [A, B, C]
    assert list(current_holders(found, OLD)) == [A, B]
    assert superseded(found) == {(A, "app:1"), (B, "app:1")}
    is_arm(found, B)
    assert list(current_holders(found, "app:1")) == [B, C]
    assert superseded(found) == {(A, "app:1")}


def test_nobody_knows_what_was_newer_before_we_looked() -> None:
    found = state(A={"app:1": OLD}, B={"app:1": NEW})
    assert list(current_holders(found, "app:1")) == [A, B]
    assert superseded(found) == set()


def test_a_name_is_copied_with_its_tag_and_an_id_as_it_is() -> None:
    image = image_holders(state(A={"app:latest": OLD}), "app")[A]
    assert full_name("app", image) == "app:latest"
    assert full_name("docker.io/library/app:latest", image) == "app:latest"
    for by_id in (OLD, OLD.removeprefix("sha256:")[:12]):
        assert full_name(by_id, image) == by_id


def test_the_tags_of_a_repository() -> None:
    found = state(A={"app:1": OLD, "app:2": NEW, "apple:1": OLD, "x/app:1": NEW})
    tags = repository_tags(found, A, "docker.io/library/app")
    assert {tag: image.id for tag, image in tags.items()} == {"app:1": OLD, "app:2": NEW}
    assert repository_tags(found, B, "app") == {}
