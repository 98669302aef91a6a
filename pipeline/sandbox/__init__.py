"""A server on loopback that speaks Kyma's API and MiniMax's, with a ledger, voices and faults of its own."""
