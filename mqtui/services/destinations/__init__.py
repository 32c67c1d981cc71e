"""Making, altering, deleting and purging destinations: plans that say what would be lost, and carrying them out."""
