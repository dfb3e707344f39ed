"""Long runs: a bot that is killed over and over while a team releases several sites, looked at from outside."""
