"""Migrations of a database that both slots share: a configured command, off the server, one at a time."""
