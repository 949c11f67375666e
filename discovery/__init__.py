"""Who is in the cluster: addresses of engines from Consul, a list or a file.

The way in is `discovery.opening.open_discovery`. Nothing here knows Docker.
"""
