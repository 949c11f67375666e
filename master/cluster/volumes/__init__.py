"""Volumes over several engines: their homes and their names."""
