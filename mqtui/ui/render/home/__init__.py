"""Profiles as rows."""
