"""Talking to a cluster: client objects, their threads, the second admin client, and why a connection fails."""
