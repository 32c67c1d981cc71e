"""Reading: queues, streams, exchanges, consumers, lag, and peeks with what they cost."""
