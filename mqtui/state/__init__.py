"""What mqtui remembers on this machine."""
