"""Entry point of the Action's steps."""

from __future__ import annotations

import sys

from auditor.action.steps import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
