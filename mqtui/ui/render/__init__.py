"""Domain objects as rows, cells and styled lines; nothing here knows a widget."""
