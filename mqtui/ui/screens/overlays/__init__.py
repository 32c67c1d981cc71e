"""What opens over a screen or beside it: help, menu, palette, quit question, toasts and notifications."""
