"""Finds messages in topics, streams and queues."""
