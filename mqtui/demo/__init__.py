"""Real brokers started on demand, and a shop that fails in them."""
