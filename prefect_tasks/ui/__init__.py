"""What Prefect's pages show of us: artifacts, assets, contact sheets."""
