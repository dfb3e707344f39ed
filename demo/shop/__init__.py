"""A small shop: a web app in several versions, with one shared database for both slots."""
