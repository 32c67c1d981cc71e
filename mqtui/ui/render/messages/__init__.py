"""Messages as rows; their values and headers as lines."""
