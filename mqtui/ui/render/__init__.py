"""Domain objects to rows and cells; nothing here knows a widget."""
