"""`make proof`."""

import sys

from connector_tests.proof.whole import main

if __name__ == "__main__":
    sys.exit(main())
