"""Redrive: dead letters go back where they came from, none lost, none duplicated where the broker can promise it."""
