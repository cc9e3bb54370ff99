"""Findings about restarting the nodes of a region one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from tailhub.findings.finding import Finding


def region_not_whole(trouble: str, map_file: str, key_file: str) -> Finding:
    """A node is away or knows others not, so none may be restarted. The files are the plan's."""
    return Finding("TH591", {"trouble": trouble, "map": map_file, "key": key_file})


def restart_command_failed(node: str, command: str, reason: str) -> Finding:
    """The command of the description could not restart a node."""
    return Finding("TH592", {"node": node, "command": command, "reason": reason})


def node_not_ended(node: str, seconds: int, command: str = "", *, has_ended: bool = False) -> Finding:
    """A connection to a node's process still lasts: it was not restarted. Or it `has_ended`, and its command goes on.

    `command` is the one that restarts it, if it had not ended either.
    """
    return Finding("TH593", {"node": node, "seconds": seconds, "command": command, "has_ended": has_ended})


def node_not_back(node: str, seconds: int, reason: str) -> Finding:
    """A node ended, and cannot be reached since."""
    return Finding("TH594", {"node": node, "seconds": seconds, "reason": reason})


def node_not_linked(node: str, seconds: int, trouble: str, map_file: str, key_file: str) -> Finding:
    """A node is back, but the region is not whole. The files are the plan's."""
    values = {"node": node, "seconds": seconds, "trouble": trouble}
    return Finding("TH595", {**values, "map": map_file, "key": key_file})


def nobody_to_restart(nodes: Sequence[str]) -> Finding:
    """These nodes have no command, and there is no person to do it."""
    return Finding("TH596", {"nodes": ", ".join(nodes)})


def no_such_node(name: str, names: Sequence[str]) -> Finding:
    """The description has no node of this name."""
    return Finding("TH597", {"name": name, "names": ", ".join(names)})


def no_plan_there(directory: str, description: str) -> Finding:
    """The directory has no plan of the region, or one of other nodes."""
    return Finding("TH598", {"directory": directory, "description": description})


def restart_under_way(directory: str) -> Finding:
    """Another restart of the same plan has not ended."""
    return Finding("TH599", {"directory": directory})
