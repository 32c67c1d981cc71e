"""Lag and depth as mqtui tells them, beside what the brokers' own tools tell and what reading counts."""
