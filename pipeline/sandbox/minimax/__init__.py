"""MiniMax's own API, beside Kyma's: the same users, balance, voices, faults and clock."""
