"""Values in, Slack messages out: pure functions, no clock and no network."""
