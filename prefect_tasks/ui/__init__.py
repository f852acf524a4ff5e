"""Prefect's pages of a run: artifacts, assets, samples of pictures."""
