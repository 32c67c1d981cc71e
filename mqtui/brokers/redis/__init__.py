"""The adapter of Redis Streams: standalone servers, Sentinel and Cluster, and Valkey."""
