"""Bytes to values and back: pure, synchronous, no sockets."""
