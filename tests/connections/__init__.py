"""Connections that come about, and every mistake that keeps one from it, on real brokers."""
