"""What this machine says of its processes and users."""
