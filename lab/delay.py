"""Holds every packet of one cable back for a while: a slow network, as a program of its own.

Kernels are often built without the packet delay of `tc` (netem), so this is done in plain sight:
two virtual ends of a cable, and a program that carries each frame from one to the other, later.
Run as `python delay.py NEAR FAR SECONDS` inside the switch's network; the ends vanish with it.
"""

import fcntl
import os
import select
import struct
import sys
import time
from collections import deque

_DEVICE = "/dev/net/tun"
_SET_NAME = 0x400454CA
"""TUNSETIFF of <linux/if_tun.h>."""
_ETHERNET_FRAMES = 0x0002 | 0x1000
"""IFF_TAP, and IFF_NO_PI: frames as they are, with nothing before them."""
_LARGEST_FRAME = 65536
_MOST_WAITING = 20_000
"""Frames held at most; more are lost, as on a real cable whose buffers are full."""


def open_end(name: str) -> int:
    """Make the network device *name* and return the descriptor that its frames come by."""
    descriptor = os.open(_DEVICE, os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, _SET_NAME, struct.pack("16sH22x", name.encode(), _ETHERNET_FRAMES))
    return descriptor


def carry(near: int, far: int, delay_s: float) -> None:
    """Pass frames between two descriptors for ever, each after *delay_s* seconds."""
    waiting: deque[tuple[float, int, bytes]] = deque()
    other = {near: far, far: near}
    while True:
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, end, frame = waiting.popleft()
            _write(end, frame)
        patience = waiting[0][0] - now if waiting else None
        for end in select.select([near, far], [], [], patience)[0]:
            frame = os.read(end, _LARGEST_FRAME)
            if len(waiting) < _MOST_WAITING:
                waiting.append((time.monotonic() + delay_s, other[end], frame))


def _write(end: int, frame: bytes) -> None:
    try:
        os.write(end, frame)
    except OSError:
        # The far side is not up yet, or its buffers are full: this frame is lost.
        return


if __name__ == "__main__":
    ends = [open_end(name) for name in sys.argv[1:3]]
    carry(ends[0], ends[1], float(sys.argv[3]))
