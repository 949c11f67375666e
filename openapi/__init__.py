"""The API's description as files: openapi.json, and coverage.md for people."""
