"""The version of this product; a test keeps it equal to the one in pyproject.toml.

A constant, because reading the installed package's metadata costs ``swarm --help`` 30 ms.
"""

VERSION = "2.0.0"
