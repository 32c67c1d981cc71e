"""One screen a place."""
