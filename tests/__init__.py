"""The tests; what several of them stand on is imported as `tests.…`."""
