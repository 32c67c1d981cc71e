"""Real brokers in private folders, on private ports, gone with their parent."""
