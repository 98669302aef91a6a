"""A Kyma-compatible server on loopback, with its own ledger, its own voices and faults on demand."""
