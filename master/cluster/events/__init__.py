"""What happened: one stream from all engines, and who wants which part of it."""
