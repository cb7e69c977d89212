"""What a person reads after a run: pages that need no network, no server and no script."""
