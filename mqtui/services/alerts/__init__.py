"""Alerts: what is wrong by the polls, told to those who want to know."""
