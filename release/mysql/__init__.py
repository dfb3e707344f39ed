"""Ghost on MySQL: one database on a server of its own, shared by both slots."""
