"""The checks of the house itself: `make check` runs these beside ruff, mypy and import-linter.

Each rule is a function from text to a list of complaints, tested on the tree and on a bad
example that proves it can fail.
"""
