"""A local cluster of real parts on one machine: for the demo, the tests and whoever develops."""
