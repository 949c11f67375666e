"""The same body against one engine and against the manager: the engine is the referee."""
