"""Whether an Nginx can pass on plain connections, and with which module: it is asked."""

import os

from router import commands

_MODULES = ("", "modules/ngx_stream_module.so", "/usr/lib/nginx/modules/ngx_stream_module.so")
"""Built in, in Nginx's prefix, where Debian puts it."""
_PROBE = "pid /dev/null;\nerror_log stderr;\nevents {}\nstream {}\n"


async def stream_module(program: str) -> str | None:
    """Return the module that *program* has to load, empty if none is needed, None if it cannot."""
    for module in _MODULES:
        load = f"load_module {module};\n" if module else ""
        # In memory: who only wants to see what would be written may have no right to write.
        with os.fdopen(os.memfd_create("stream-probe"), "w+b") as probe:
            probe.write(f"{load}{_PROBE}".encode())
            probe.flush()
            # Nginx opens it by name, and its first lines go to the log that was built in.
            argv = [program, "-t", "-q", "-e", "stderr", "-c", f"/proc/self/fd/{probe.fileno()}"]
            ended = await commands.run(argv, keep=(probe.fileno(),))
        if ended.code == 0:
            return module
    return None
