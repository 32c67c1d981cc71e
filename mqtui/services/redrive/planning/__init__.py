"""From a request to a plan: what is there, where each letter would go, and what speaks against it."""
