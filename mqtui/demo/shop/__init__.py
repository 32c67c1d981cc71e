"""A shop that fails: another program's traffic, with the client libraries themselves."""
