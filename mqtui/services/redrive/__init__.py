"""Redrive: letters go home, none lost, none doubled where the broker can promise it."""
