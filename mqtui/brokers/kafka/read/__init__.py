"""What can be read of a cluster: topics, offsets, records, consumer groups and their lag."""
