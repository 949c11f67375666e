"""Whether an Nginx can pass on plain connections, and with which module: it is asked."""

from pathlib import Path

from router import commands

_MODULES = ("", "modules/ngx_stream_module.so", "/usr/lib/nginx/modules/ngx_stream_module.so")
"""Built in, in Nginx's prefix, where Debian puts it."""


async def stream_module(program: str, folder: Path) -> str | None:
    """Return the module that *program* has to load, empty if none is needed, None if it cannot.

    *folder* is a scratch folder.
    """
    for module in _MODULES:
        load = f"load_module {module};\n" if module else ""
        probe = folder / "stream-probe.conf"
        probe.write_text(
            f"{load}pid {folder}/probe.pid;\nerror_log stderr;\nevents {{}}\nstream {{}}\n",
            encoding="utf-8",
        )
        ended = await commands.run([program, "-t", "-q", "-c", str(probe)])
        probe.unlink()
        if ended.code == 0:
            return module
    return None
