"""Menu items and notifications as rows."""
