"""What the console keeps open between screens: brokers, background runs, notifications, saved UI state."""
