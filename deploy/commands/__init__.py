"""The commands of `maillage`, by what they are about."""
