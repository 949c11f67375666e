"""The list of all containers: rows, filters, and how each is worded."""
