"""The command ``swarm``: flags and environment in, a running manager or agent out."""
