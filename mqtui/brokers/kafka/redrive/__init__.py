"""Moving dead letters exactly once: plan checks, the lock and the state topic, the lease and its transactions."""
