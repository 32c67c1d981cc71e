"""Named connections: what they point at, what they allow, where their secrets are."""
