"""Files of the operator's own templates, beside the proxy's."""

import logging
from collections.abc import Callable, Sequence

from router import commands, files
from router.errors import RenderError
from router.rules.render import Renderer, View
from router.settings import OwnTemplate

_log = logging.getLogger(__name__)


class OwnFiles:
    """Renders each, writes what has changed, runs each command once."""

    def __init__(
        self, templates: Sequence[OwnTemplate], renderer: Callable[[OwnTemplate], Renderer]
    ) -> None:
        """*renderer* reads a template.

        Raises:
            RenderError: one cannot be read.
            OSError: likewise.
        """
        self._files = [(template, renderer(template)) for template in templates]

    def texts(self, view: View) -> list[tuple[OwnTemplate, str]]:
        """Return what each file would hold.

        Raises:
            RenderError: a template asks for what does not exist.
        """
        return [(template, renderer.render(view).text) for template, renderer in self._files]

    async def apply(self, view: View) -> dict[str, str]:
        """Write the files; return by target why it failed, empty where it did not."""
        results: dict[str, str] = {}
        todo: dict[tuple[str, ...], list[str]] = {}
        for template, renderer in self._files:
            target = str(template.target)
            try:
                text = renderer.render(view).text
                if files.read(template.target) != text:
                    files.replace(template.target, text)
                    if template.command:
                        argv = tuple(commands.words(template.command, template.target))
                        todo.setdefault(argv, []).append(target)
                results[target] = ""
            except (RenderError, OSError) as exc:
                results[target] = str(exc)
        for argv, targets in todo.items():
            ended = await commands.run(argv)
            if ended.code:
                results.update(dict.fromkeys(targets, f"{argv[0]}: {ended.told}"))
        for target, failure in results.items():
            if failure:
                _log.error("%s: %s", target, failure)
        return results
