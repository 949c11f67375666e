"""What the manager knows now: engines, their containers, their images, and how to find them.

Written by the engines' supervisors alone (each its own engine), read by everybody. No call
awaits, so a reader between two awaits sees one consistent state, and what it was handed never
changes afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from master.cluster.containers.status_text import is_same_row
from master.cluster.images.index import ImageIndex
from master.cluster.images.tag_log import TagLog
from master.cluster.index import ContainerKey, TextIndex
from master.cluster.model import Container, Engine, Image, Network, Volume
from master.cluster.networks.index import NetworkIds, NetworkIndex

_NO_CONTAINERS: Mapping[str, Container] = MappingProxyType({})


class ClusterState:
    """Engines by address, containers by engine and ID, images by engine; indexed, with versions.

    A version is a number that grows with each real change and never returns to an old value;
    putting what is there already changes none of them. Caches are keyed by them:

    * ``version``: anything at all;
    * ``containers_version``: what a list of containers shows (containers, and of their engines
      identity, address, health, clock);
    * ``images_version``: what a list of images shows (images, and their engines' identity);
    * ``volumes_version``: volumes, and their engines' identity;
    * ``networks_version``: networks, and their engines' identity;
    * ``members_version``: which engines there are;
    * ``engine_version(address)``: anything of this one engine; `changed_since` lists the engines
      by it.
    """

    def __init__(self) -> None:
        self.on_change: list[Callable[[], None]] = []
        """Called after each change, from within it: whoever hears of it looks later."""
        self.version = 0
        self.containers_version = 0
        self.images_version = 0
        self.volumes_version = 0
        self.networks_version = 0
        self.members_version = 0
        self._engine_versions: dict[str, int] = {}
        """The engine that changed last is last."""
        self._engines: dict[str, Engine] = {}
        self._snapshot: Mapping[str, Engine] | None = None
        self._engine_names: dict[str, tuple[str, ...]] = {}
        self._containers: dict[str, dict[str, Container]] = {}
        self._images: dict[str, tuple[Image, ...]] = {}
        self.tag_log = TagLog()
        self._image_index = (0, ImageIndex(()))
        self._volumes: dict[str, tuple[Volume, ...]] = {}
        self._volumes_by_name: tuple[int, Mapping[str, tuple[Volume, ...]]] = (0, {})
        self._networks: dict[str, dict[str, Network]] = {}
        self._network_index = (0, NetworkIndex(()))
        self.network_ids = NetworkIds()
        self.ids = TextIndex()
        self.swarm_ids = TextIndex()
        self.names = TextIndex()

    # Engines

    def engines(self) -> Mapping[str, Engine]:
        """Return the engines by address: a snapshot that stays as it is."""
        if self._snapshot is None:
            self._snapshot = MappingProxyType(self._engines.copy())
        return self._snapshot

    def engine(self, address: str) -> Engine | None:
        """Return the engine at *address*, None if the cluster has none there."""
        return self._engines.get(address)

    def engines_by_name(self, name: str) -> tuple[Engine, ...]:
        """Return the engines that *name* means: by address, ID or hostname, in this order.

        Several share a hostname if two machines were cloned. Pending ones have only an address.
        """
        if (engine := self._engines.get(name)) is not None:
            return (engine,)
        return tuple(self._engines[address] for address in self._engine_names.get(name, ()))

    def engine_by_name(self, name: str) -> Engine | None:
        """Return the one engine that *name* means; None if there is none, or more than one."""
        found = self.engines_by_name(name)
        return found[0] if len(found) == 1 else None

    def put_engine(self, engine: Engine) -> bool:
        """Add or replace *engine*; return whether this changed anything."""
        old = self._engines.get(engine.address)
        if old is not None and _same_engine(old, engine):
            return False
        self._engines[engine.address] = engine
        self._snapshot = None
        self._touch(engine.address)
        if old is None:
            self.members_version = self.version
        if old is None or _identity(old) != _identity(engine):
            self._index_engine_names()
            self.images_version = self.version
            self.volumes_version = self.networks_version = self.version
        if old is None or shown_of(old) != shown_of(engine):
            self.containers_version = self.version
        return True

    def remove_engine(self, address: str) -> bool:
        """Forget an engine and all that is on it; return whether it was there."""
        if address not in self._engines:
            return False
        for container in self.containers_on(address):
            self._drop(container)
        self._containers.pop(address, None)
        self._images.pop(address, None)
        self.tag_log.forget(address)
        self._volumes.pop(address, None)
        self.network_ids.forget(self._networks.pop(address, {}).values())
        del self._engines[address]
        self._snapshot = None
        self._index_engine_names()
        self._touch(address)
        self.containers_version = self.images_version = self.members_version = self.version
        self.volumes_version = self.networks_version = self.version
        del self._engine_versions[address]
        return True

    def engine_version(self, address: str) -> int:
        """Return the version at which anything of this engine last changed; 0 if unknown."""
        return self._engine_versions.get(address, 0)

    def changed_since(self, version: int) -> list[str]:
        """Return the addresses of the engines that changed after *version*, the last one last.

        Costs what changed, not what is there. Removed ones are not among them.
        """
        changed: list[str] = []
        for address, changed_at in reversed(self._engine_versions.items()):
            if changed_at <= version:
                break
            changed.append(address)
        changed.reverse()
        return changed

    # Containers

    def containers(self) -> tuple[Container, ...]:
        """Return every known container, those of unhealthy engines too."""
        return tuple(c for mine in self._containers.values() for c in mine.values())

    def containers_on(self, address: str) -> tuple[Container, ...]:
        """Return the containers of one engine; none if it is unknown."""
        return tuple(self._containers.get(address, _NO_CONTAINERS).values())

    def container(self, address: str, container_id: str) -> Container | None:
        """Return one container by its engine and full ID."""
        return self._containers.get(address, _NO_CONTAINERS).get(container_id)

    def container_at(self, key: ContainerKey) -> Container:
        """Return the container of a key that one of the indexes gave."""
        address, container_id = key
        return self._containers[address][container_id]

    def replace_containers(self, address: str, containers: Iterable[Container]) -> bool:
        """Make *containers* all that is on an engine; return whether this changed anything.

        An engine that isn't in the cluster (any more) keeps nothing: a list that was under way
        while its engine was removed must not bring its containers back.
        """
        if address not in self._engines:
            return False
        wanted = {container.id: container for container in containers if container.id}
        gone = [c for c in self.containers_on(address) if c.id not in wanted]
        for container in gone:
            self._drop(container)
        changed = [self._store(container) for container in wanted.values()]
        if not (gone or any(changed)):
            return False
        self._touch_containers(address)
        return True

    def put_container(self, container: Container) -> bool:
        """Add or replace one container; return whether this changed anything.

        As with `replace_containers`, a removed engine's container is not taken.
        """
        if container.engine not in self._engines or not container.id:
            return False
        if not self._store(container):
            return False
        self._touch_containers(container.engine)
        return True

    def remove_container(self, address: str, container_id: str) -> bool:
        """Forget one container; return whether it was there."""
        container = self.container(address, container_id)
        if container is None:
            return False
        self._drop(container)
        self._touch_containers(address)
        return True

    # Images

    def images(self) -> tuple[Image, ...]:
        """Return every engine's images: one that two engines have is there twice."""
        return tuple(image for mine in self._images.values() for image in mine)

    def images_on(self, address: str) -> tuple[Image, ...]:
        """Return the images of one engine; none if it is unknown."""
        return self._images.get(address, ())

    def image_index(self) -> ImageIndex:
        """Return the index of all images; made anew only after images have changed."""
        version, index = self._image_index
        if version != self.images_version:
            index = ImageIndex(self.images())
            self._image_index = (self.images_version, index)
        return index

    def replace_images(self, address: str, images: Iterable[Image]) -> bool:
        """Make *images* all that an engine has; return whether this changed anything."""
        if address not in self._engines:
            return False
        new = tuple(images)
        old = self._images.get(address, ())
        self.tag_log.note(address, old, new)
        if new == old and all(a.row == b.row for a, b in zip(new, old, strict=True)):
            return False
        self._images[address] = new
        self._touch(address)
        self.images_version = self.version
        return True

    # Volumes

    def volumes(self) -> tuple[Volume, ...]:
        """Return every engine's volumes, those of engines that don't answer too."""
        return tuple(volume for mine in self._volumes.values() for volume in mine)

    def volumes_named(self, name: str) -> tuple[Volume, ...]:
        """Return the volumes of that name, on whatever engines."""
        version, by_name = self._volumes_by_name
        if version != self.volumes_version:
            grouped: dict[str, tuple[Volume, ...]] = {}
            for volume in self.volumes():
                grouped[volume.name] = (*grouped.get(volume.name, ()), volume)
            by_name = grouped
            self._volumes_by_name = (self.volumes_version, grouped)
        return by_name.get(name, ())

    def replace_volumes(self, address: str, volumes: Iterable[Volume]) -> bool:
        """Make *volumes* all that an engine has; return whether this changed anything."""
        if address not in self._engines:
            return False
        new = tuple(volumes)
        old = self._volumes.get(address, ())
        if new == old and all(a.row == b.row for a, b in zip(new, old, strict=True)):
            return False
        self._volumes[address] = new
        self._touch(address)
        self.volumes_version = self.version
        return True

    # Networks

    def networks(self) -> tuple[Network, ...]:
        """Return every engine's networks, those of engines that don't answer too."""
        return tuple(network for mine in self._networks.values() for network in mine.values())

    def networks_on(self, address: str) -> Mapping[str, Network]:
        """Return the networks of one engine by the engine's own ID; none if it is unknown."""
        return MappingProxyType(self._networks.get(address, {}))

    def network_index(self) -> NetworkIndex:
        """Return the index of all networks; made anew only after networks have changed."""
        version, index = self._network_index
        if version != self.networks_version:
            index = NetworkIndex(self.networks())
            self._network_index = (self.networks_version, index)
        return index

    def replace_networks(self, address: str, networks: Iterable[Network]) -> bool:
        """Make *networks* all that an engine has; return whether this changed anything."""
        if address not in self._engines:
            return False
        new = {network.id: network for network in networks if network.id}
        old = self._networks.get(address, {})
        if new == old and all(new[key].row == old[key].row for key in new):
            return False
        self.network_ids.forget(old[key] for key in old.keys() - new.keys())
        self.network_ids.learn(new.values())
        self._networks[address] = new
        self._touch(address)
        self.networks_version = self.version
        return True

    def put_network(self, network: Network) -> bool:
        """Add or replace one network; return whether this changed anything."""
        mine = self._networks.get(network.engine, {})
        return self.replace_networks(network.engine, {**mine, network.id: network}.values())

    def remove_network(self, address: str, network_id: str) -> bool:
        """Forget one network by its engine's ID for it; return whether it was there."""
        mine = self._networks.get(address, {})
        if network_id not in mine:
            return False
        return self.replace_networks(address, [n for n in mine.values() if n.id != network_id])

    def _index_engine_names(self) -> None:
        """Rebuild names: it happens when an engine comes, goes or is validated, so not often."""
        names: dict[str, tuple[str, ...]] = {}
        for engine in self._engines.values():
            if engine.name and engine.name != engine.id:
                names[engine.name] = (*names.get(engine.name, ()), engine.address)
        # An ID says more than a hostname: a machine named like another's ID doesn't hide it.
        names.update({e.id: (e.address,) for e in self._engines.values() if e.id})
        self._engine_names = names

    def _store(self, container: Container) -> bool:
        mine = self._containers.setdefault(container.engine, {})
        old = mine.get(container.id)
        if old is not None:
            if old == container and is_same_row(old, container):
                return False
            self._unindex(old, keep=container)
        mine[container.id] = container
        key = (container.engine, container.id)
        if old is None:
            self.ids.add(container.id, key)
        self.names.add(container.name, key)
        self.swarm_ids.add(container.swarm_id, key)
        return True

    def _unindex(self, old: Container, *, keep: Container | None = None) -> None:
        key = (old.engine, old.id)
        if keep is None:
            self.ids.discard(old.id, key)
        if keep is None or keep.name != old.name:
            self.names.discard(old.name, key)
        if keep is None or keep.swarm_id != old.swarm_id:
            self.swarm_ids.discard(old.swarm_id, key)

    def _drop(self, container: Container) -> None:
        self._unindex(container)
        del self._containers[container.engine][container.id]

    def _touch(self, address: str) -> None:
        self.version += 1
        self._engine_versions.pop(address, None)
        self._engine_versions[address] = self.version
        for told in self.on_change:
            told()

    def _touch_containers(self, address: str) -> None:
        self._touch(address)
        self.containers_version = self.version


def _same_engine(old: Engine, new: Engine) -> bool:
    # The raw answers take no part in an Engine's own comparison.
    return old == new and old.info == new.info and old.version == new.version


def _identity(engine: Engine) -> tuple[str, str]:
    return engine.id, engine.name


def shown_of(engine: Engine) -> tuple[object, ...]:
    """Return what of an engine stands in lists; a mere ``updated_at`` leaves their caches alone."""
    return engine.id, engine.name, engine.ip, engine.health, engine.clock_skew_s
