"""Destinations, consumer groups, partitions and pending entries as rows."""
