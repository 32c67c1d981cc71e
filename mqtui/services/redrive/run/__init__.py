"""Carrying out a plan: the loop, its batches, the journal, the canary stages and the monitor."""
