"""One Docker daemon over its wire; no idea that a cluster exists."""
