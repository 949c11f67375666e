"""``python -m swarm`` is the command ``swarm``."""

import sys

from swarm.main import main

if __name__ == "__main__":
    sys.exit(main())
