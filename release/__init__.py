"""The routines of a release and their order. Knows Azure, Ghost and databases; never Slack."""
