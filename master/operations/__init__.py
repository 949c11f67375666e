"""Verbs that touch several engines or change the cluster's mind: create, pull, rename."""
