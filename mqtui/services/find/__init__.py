"""Finds one text, such as an order's id, in every destination of several brokers."""
