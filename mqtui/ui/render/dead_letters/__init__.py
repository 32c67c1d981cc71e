"""Dead-letter destinations and causes as rows; a single letter as lines."""
