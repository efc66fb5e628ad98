"""Trouble on demand, for rehearsals: STS that is slow, throttles or denies.

    POST /faults  {"sts": {"delayMs": 3000, "throttle": true, "deny": true}}   {} ends it
    POST /expire  {"role": "app-orders"}   ends the role's sessions now
    GET  /faults

The faults are AssumeRole's alone: GetCallerIdentity is what the load clients measure with.
"""

from __future__ import annotations

import json
import time
from typing import Any

from .answers import Answer, ApiError, Request, json_text
from .identity import Caller, Directory
from .sts import denial

_KINDS: dict[str, type] = {"delayMs": int, "throttle": bool, "deny": bool}


class Faults:
    """The faults that are switched on; none at the start."""

    def __init__(self) -> None:
        self.sts: dict[str, Any] = {}

    def apply(self, caller: Caller, role_arn: str) -> None:
        sts = self.sts
        time.sleep(sts.get("delayMs", 0) / 1000)
        if sts.get("throttle"):
            raise ApiError(400, "Throttling", "Rate exceeded")
        if sts.get("deny"):
            raise denial(caller, "sts:AssumeRole", role_arn)


class Control:
    """The control port. It is for the lab itself: it asks for no credentials."""

    def __init__(self, directory: Directory, faults: Faults) -> None:
        self._directory = directory
        self._faults = faults

    def __call__(self, request: Request) -> Answer:
        try:
            if request.path == "/faults" and request.method == "GET":
                return json_text(200, json.dumps({"sts": self._faults.sts}))
            if request.method != "POST" or request.path not in ("/faults", "/expire"):
                return json_text(404, json.dumps({"error": "POST /faults or POST /expire"}))
            wanted = json.loads(request.body or b"{}")
            if request.path == "/expire":
                ended = self._directory.expire(str(wanted["role"]))
                return json_text(200, json.dumps({"ended": ended}))
            self._faults.sts = _checked(wanted)
            return json_text(200, json.dumps({"sts": self._faults.sts}))
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            return json_text(400, json.dumps({"error": f"not understood: {problem!r}"}))


def _checked(wanted: dict[str, Any]) -> dict[str, Any]:
    unknown = set(wanted) - {"sts"}
    sts: dict[str, Any] = wanted.get("sts", {})
    unknown |= set(sts) - set(_KINDS)
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; of sts: {', '.join(_KINDS)}")
    for name, value in sts.items():
        if type(value) is not _KINDS[name]:
            raise ValueError(f"sts.{name} must be {_KINDS[name].__name__}")
    return sts
