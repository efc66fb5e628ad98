"""Evaluation of identity policies.

Understood: Effect, Action, NotAction, Resource, NotResource, and the conditions listed
below. An explicit Deny wins. What is not understood fails closed: a condition, a policy
variable or a NotPrincipal that cannot be evaluated never makes an Allow apply and always
makes a Deny apply.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from typing import Any, Callable


@dataclass(frozen=True)
class Verdict:
    """`denied` is an explicit Deny; without it, not `allowed` is an implicit one."""

    allowed: bool
    denied: bool
    why: str


class NotEvaluated(Exception):
    """The policy asks for something this evaluation does not know."""


@functools.lru_cache(maxsize=4096)
def _pattern(wildcard: str, ignore_case: bool) -> re.Pattern[str]:
    expression = "".join(
        ".*" if char == "*" else "." if char == "?" else re.escape(char) for char in wildcard
    )
    return re.compile(expression, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def matches(wildcard: str, value: str, ignore_case: bool = False) -> bool:
    """IAM's wildcards: `*` any characters, `?` one."""
    return _pattern(wildcard, ignore_case).fullmatch(value) is not None


def as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def statements(document: str) -> list[dict[str, Any]]:
    return as_list(json.loads(document).get("Statement"))


def _arn_like(pattern: str, value: str) -> bool:
    # Each of the six colon-separated parts is matched by itself.
    wanted, given = pattern.split(":", 5), value.split(":", 5)
    return len(wanted) == len(given) and all(map(matches, wanted, given))


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, given: wanted == given,
    "StringEqualsIgnoreCase": lambda wanted, given: wanted.lower() == given.lower(),
    "StringLike": lambda wanted, given: matches(wanted, given),
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
}

# Context keys that every request knows, present or not. Any other is "not evaluated".
CONTEXT_KEYS = {
    "aws:principalarn",
    "aws:principalaccount",
    "aws:userid",
    "aws:username",
    "aws:sourceip",
    "sts:externalid",
    "sts:rolesessionname",
}


def conditions_hold(condition: dict[str, Any] | None, context: dict[str, str]) -> bool:
    """Whether every condition holds; raises NotEvaluated for one that is not known."""
    for operator, tests in (condition or {}).items():
        base = operator.removesuffix("IfExists")
        negated = base.startswith(("StringNot", "ArnNot"))
        compare = _OPERATORS.get(base.replace("Not", "", 1) if negated else base)
        if compare is None:
            raise NotEvaluated(f"condition operator {operator}")
        for key, wanted in tests.items():
            if key.lower() not in CONTEXT_KEYS:
                raise NotEvaluated(f"condition key {key}")
            given = context.get(key.lower())
            if given is None:
                # An absent key fails a test, unless it is negated or says IfExists.
                if not negated and base == operator:
                    return False
                continue
            if any(compare(str(one), given) for one in as_list(wanted)) == negated:
                return False
    return True


def _concerns(statement: dict[str, Any], action: str, resource: str | None) -> bool:
    if "NotAction" in statement:
        if any(matches(one, action, True) for one in as_list(statement["NotAction"])):
            return False
    elif not any(matches(one, action, True) for one in as_list(statement.get("Action"))):
        return False
    if resource is None:
        return True  # a trust policy: its resource is the role it belongs to
    named = as_list(statement.get("Resource", statement.get("NotResource")))
    if any("${" in one for one in named):
        raise NotEvaluated("policy variable in Resource")
    hit = any(matches(one, resource) for one in named)
    return not hit if "NotResource" in statement else hit


def statement_applies(
    statement: dict[str, Any],
    action: str,
    resource: str | None,
    context: dict[str, str],
    principal: Callable[[dict[str, Any]], bool] = lambda _: True,
) -> tuple[bool, str]:
    """Whether one statement speaks about this request, and what could not be evaluated."""
    try:
        return (
            _concerns(statement, action, resource)
            and principal(statement)
            and conditions_hold(statement.get("Condition"), context)
        ), ""
    except NotEvaluated as unknown:
        return statement.get("Effect") == "Deny", f" (not evaluated by the lab: {unknown})"


def evaluate(
    documents: list[tuple[str, str]], action: str, resource: str, context: dict[str, str]
) -> Verdict:
    """The verdict of named policy documents on one action on one resource."""
    allowed = ""
    notes = ""
    for name, document in documents:
        for statement in statements(document):
            applies, note = statement_applies(statement, action, resource, context)
            notes += note
            if applies and statement.get("Effect") == "Deny":
                return Verdict(False, True, f"explicit deny in identity policy {name}{note}")
            if applies and statement.get("Effect") == "Allow":
                allowed = allowed or name
    if allowed:
        return Verdict(True, False, f"identity policy {allowed}")
    return Verdict(False, False, f"no identity policy allows {action} on {resource}{notes}")
