"""Random bursts of keys at a console in a pseudo-terminal."""
