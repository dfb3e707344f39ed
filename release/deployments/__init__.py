"""The ways a package gets on a slot, one file each."""
