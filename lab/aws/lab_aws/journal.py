"""The record of who asked to assume which role, what was decided and why (JSON lines)."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timezone
from pathlib import Path


class Journal:
    """Appends to `path`; without one, nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.Lock()
        self._file = path.open("a", buffering=1) if path else None

    def write(self, **fields: str) -> None:
        if self._file is None:
            return
        time = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        with self._lock:
            self._file.write(json.dumps({"time": time, **fields}) + "\n")
