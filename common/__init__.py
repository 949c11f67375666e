"""Leaf helpers, each with a subject of its own; the standard library only."""
