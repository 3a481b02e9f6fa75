"""`python -m connector_defs.cli` is the `connector` command, for places where no script is installed."""

import sys

from connector_defs.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
