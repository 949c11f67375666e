"""From a picture of the services to an edge: who came first, and which ports can be had."""

import dataclasses
import time

from router import ledger, ports
from router.rules.agenda import Due
from router.rules.build import Built, build
from router.rules.seniority import Seniority
from router.settings import Settings


class Builder:
    """Builds edges, and remembers who claimed what first."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seniority = Seniority(settings.keep_empty_s, ledger.read(settings.claims_file))

    def build(self, due: Due, running_text: str | None) -> tuple[Built, frozenset[int]]:
        """Return the edge for what is *due*, and the ports that it lacks: somebody has them.

        Args:
            due: the services.
            running_text: the file that the proxy runs with, whose ports are its own; None: it is
                not known, so no port is looked at.
        """
        settings, places = self._settings, self._seniority.places
        entries = due.picture.entries
        built = build(entries, due.departed, settings.rules, places)
        if running_text is None:
            return built, frozenset()
        wanted = [listener.port for listener in built.model.listeners]
        taken = ports.taken(settings.edge, wanted, running_text)
        if taken:
            all_taken = settings.rules.taken_ports | taken
            rules = dataclasses.replace(settings.rules, taken_ports=all_taken)
            built = build(entries, due.departed, rules, places)
        return built, taken

    def remember(self, built: Built) -> None:
        """Note the claims of *built*.

        Raises:
            OSError: they cannot be written down.
        """
        if self._seniority.note(built.claims, time.monotonic()):
            ledger.write(self._settings.claims_file, self._seniority.claims)
