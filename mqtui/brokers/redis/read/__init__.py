"""What is read from Redis without changing it: streams, entries, consumer groups, pending entries and lag."""
