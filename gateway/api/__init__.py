"""The HTTP API: one file for each thing asked."""
