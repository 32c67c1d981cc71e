"""Returning the letters of a run to where they were."""
