"""One task an engine: connect, validate, follow, refresh. The only writer of the state."""
