"""What runs beside an engine: it keeps the engine's address in the discovery (``swarm join``).

It never talks to the engine: an engine is in the cluster for as long as its agent says so, and an
operator takes a host out by stopping the agent.
"""
