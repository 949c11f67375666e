"""Networks over several engines: which are one, and the cluster's IDs and names for them."""
