"""Patch embeddings: modules that take images (B, channels, h*p, w*p) to tokens (B, N, C) in rows of the grid. Each has
a class method `from_config(config, derived)`, and is declared in config/schema/embedding.py."""
