"""Print the requirements of an extra: `tools/extra.py asr`.

`pip install .[asr]` would bring opencv-python back beside its headless twin, which share one folder.
"""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).resolve().parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
sys.stdout.write(" ".join(project["optional-dependencies"][sys.argv[1]]) + "\n")
