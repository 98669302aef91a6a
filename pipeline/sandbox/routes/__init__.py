"""The vendor's endpoints, one module each, and the sandbox's own controls."""
