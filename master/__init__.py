"""The manager: one Docker endpoint that stands for many engines."""
