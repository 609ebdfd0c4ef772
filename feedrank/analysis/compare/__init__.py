"""Two models on the same replayed impressions: which ranks better, for whom, how surely, and where they differ most."""
