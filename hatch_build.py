"""Compile the English texts whenever a wheel is built: the compiled file is not kept in the repository."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompileTexts(BuildHookInterface[Any]):
    """Put the compiled catalogue beside its sources before files are collected."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Compile. Raises ValueError when the sources disagree."""
        sys.path.insert(0, self.root)
        from tools.catalogue import FOLDER, compile_texts  # noqa: PLC0415

        compile_texts(Path(self.root) / FOLDER)
