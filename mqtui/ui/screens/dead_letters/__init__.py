"""Dead letters: an overview of all destinations that hold them, their causes, a list, a single letter."""
