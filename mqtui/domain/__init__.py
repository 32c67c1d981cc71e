"""The domain: frozen dataclasses and pure functions without I/O, which every other package may use."""
