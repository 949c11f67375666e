"""The slow lane: HTTP in, one function called, the answer shaped."""
