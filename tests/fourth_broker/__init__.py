"""A fourth kind of broker: one folder and one line are all that it takes."""
