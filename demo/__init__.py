"""The whole of ghostbot on this machine: a blog, a local Azure, a local Slack, and the real bot."""
