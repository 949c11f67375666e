"""The cluster told as one host: `docker info`, `docker version`, `docker system df`."""
