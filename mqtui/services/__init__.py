"""The use cases: async, no terminal."""
