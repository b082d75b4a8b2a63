"""Token mixers: modules (B, N, C) -> (B, N, C) built for a grid (h, w) of tokens. Each has a class method
`from_config(config, derived)`, and is declared in config/schema/mixer.py."""
