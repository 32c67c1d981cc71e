"""Topics, queues and streams; consumer groups with their lag; pending entries and claiming them."""
