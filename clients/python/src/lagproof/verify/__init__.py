"""A worker of `lagproof verify` on this package: what `python -m lagproof.worker` runs."""
