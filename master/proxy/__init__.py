"""The fast lane: bytes through, between a client's connection and an engine's."""
