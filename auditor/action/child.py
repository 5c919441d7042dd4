"""Runs `auditor` with arguments from a file: there may be more of them than a command line holds."""

from __future__ import annotations

import json
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.argv = ["auditor", *json.loads(Path(sys.argv[1]).read_text(encoding="ascii"))["arguments"]]
    from auditor.cli import main

    main()
