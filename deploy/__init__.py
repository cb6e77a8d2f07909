"""How Maillage runs: the command line, the composition of a node, its processes."""

import warnings

# Said to developers at each import of eventlet; it must not reach people who run a node. docs/decisions/0001 says why
# the framework is kept at the edge.
warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
