"""WHERE services run: keys under ``/services`` in Consul, written by agents, read by routers."""
