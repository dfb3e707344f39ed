"""What `make bench` makes of its figures."""
