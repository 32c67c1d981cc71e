"""Profiles: named brokers, what is allowed on them, and where their secrets are."""
