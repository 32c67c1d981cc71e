"""Moving letters out of a queue: snapshot, plan checks, the lease, and the session that moves them."""
