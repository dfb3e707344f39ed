"""Measurements of the bot beside what people would use instead; nothing in the tests is timed."""
