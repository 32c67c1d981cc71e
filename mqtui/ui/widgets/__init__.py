"""The widgets of which screens are built. They draw their own lines from styled text."""
