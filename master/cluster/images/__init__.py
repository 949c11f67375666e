"""Images over several engines: their names, who has them, one answer about each."""
