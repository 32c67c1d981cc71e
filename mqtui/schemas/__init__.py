"""Schemas of message bodies: from local files, and from a schema registry."""
