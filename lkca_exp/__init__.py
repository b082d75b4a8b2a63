"""Experiments in small-data vision, from a config to a page that answers."""
