"""Stands in for the distribution of the same name; see `http_parser.http`."""
