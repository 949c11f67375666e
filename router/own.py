"""Files of the operator's own templates, beside the proxy's."""

from collections.abc import Callable, Sequence
from pathlib import Path

from router import commands, files
from router.attempt import Failure, attempt
from router.errors import ReloadError, RenderError
from router.rules.render import Renderer, View
from router.settings import OwnTemplate


class OwnFiles:
    """Renders each, writes what has changed, runs each command once.

    A command that has yet to succeed is remembered by a mark beside its file, so that neither an
    equal text nor another router's start makes it forgotten.
    """

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
        due: dict[tuple[str, ...], list[Path]] = {}
        for template, renderer in self._files:
            argv = await attempt(_written(template, renderer, view))
            results[str(template.target)] = argv.reason if isinstance(argv, Failure) else ""
            if argv and not isinstance(argv, Failure):
                due.setdefault(argv, []).append(template.target)
        for argv, targets in due.items():
            ended = await attempt(_run(argv, targets))
            if isinstance(ended, Failure):
                results.update(dict.fromkeys(map(str, targets), ended.reason))
        return results


async def _written(template: OwnTemplate, renderer: Renderer, view: View) -> tuple[str, ...]:
    """Bring the file up to date; return the command that has to follow, empty if none has."""
    target, mark = template.target, _mark_of(template.target)
    rendered = renderer.render(view)
    if rendered.parts:
        raise RenderError("beside() is for the template of the proxy's own file")
    if files.read(target) != rendered.text:
        if template.command:
            mark.touch()
        files.replace(target, rendered.text)
    is_due = bool(template.command) and mark.exists()
    return tuple(commands.words(template.command, target)) if is_due else ()


async def _run(argv: Sequence[str], targets: Sequence[Path]) -> None:
    ended = await commands.run(argv)
    if ended.code:
        raise ReloadError(f"{argv[0]}: {ended.reason}")
    for target in targets:
        _mark_of(target).unlink(missing_ok=True)


def _mark_of(target: Path) -> Path:
    return target.with_name(f".{target.name}.due")
