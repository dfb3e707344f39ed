"""A real, older Ghost with content, for the demo and the slow tests."""
