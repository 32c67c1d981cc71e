"""Tests of the write gate and of what profiles allow."""
