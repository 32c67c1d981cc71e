"""Connections to Redis: one server, Sentinel or Cluster; RESP replies, INFO and hash slots."""
