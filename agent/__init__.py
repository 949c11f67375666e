"""What runs beside an engine: it joins the cluster, and registers what the engine publishes.

Joining never talks to the engine: an engine is in the cluster for as long as its agent says so,
and an operator takes a host out by stopping the agent. Registering follows the engine, and what it
writes ends with the host.
"""
