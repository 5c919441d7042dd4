"""Runs a step from the action's own folder, where nothing is installed: `python -I …/bootstrap.py STEP`.

In isolated mode Python imports nothing from the current directory, the script's directory or `PYTHONPATH`; the one
folder added here is the action's.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    sys.dont_write_bytecode = True
    from auditor.action.steps import main

    sys.exit(main(sys.argv[1:]))
