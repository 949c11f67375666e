"""Published ports at the manager's own address, beside those of the nodes."""
