"""Schemas of message bodies: read from local files."""
