"""Messages of one destination: reading, following, peeking at a queue, copying, publishing."""
