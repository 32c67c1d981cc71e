"""Runs and their letters as rows; the stages of a canary as a line."""
