"""The adapter of a broker in this process, with topics."""
