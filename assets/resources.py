"""What assets are given: the team's workspace.

The only setting is the home folder, and it has a default, so that every asset materialises from the launchpad without configuration.
"""

from pathlib import Path

import dagster as dg

from assets.workspace import Workspace
from corpus.paths import Home


class FeelmWorkspace(dg.ConfigurableResource):
    """The home folder; empty means FEELM_HOME, else `.feelm` in the current directory."""

    home: str = ""

    def open(self) -> Workspace:
        """A fresh view of the workspace: nothing remembered from an earlier step."""
        return Workspace(Home(Path(self.home).resolve()) if self.home else Home.from_environment())
