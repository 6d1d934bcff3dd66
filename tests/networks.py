"""The parsed Compose files, and a drawing of their networks, which docs/networks.md shows and tests compare."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

Model = Mapping[str, Any]
_GAP = 2


class _Loader(yaml.SafeLoader):
    """Safe YAML loader that also reads mappings marked by Compose's tags `!override` and `!reset`."""


def _mapping(loader: _Loader, node: yaml.Node) -> dict[Any, Any]:
    return loader.construct_mapping(node, deep=True) if isinstance(node, yaml.MappingNode) else {}


_Loader.add_constructor("!override", _mapping)
_Loader.add_constructor("!reset", _mapping)


def parse(text: str) -> dict[str, Any]:
    """Parse a Compose file; variables are not expanded."""
    model: dict[str, Any] = yaml.load(text, _Loader)  # noqa: S506 - a safe loader with two more tags
    return model


def with_defaults(text: str) -> str:
    """Replace each variable of a Compose file with its default."""
    return re.sub(r"\$\{\w+(?::[-?]([^}]*))?\}", lambda found: found[1] or "", text)


def memberships(model: Model) -> dict[str, set[str]]:
    """Return the networks of each service; none with `network_mode: none`."""
    services = model["services"].items()
    return {
        name: set() if service.get("network_mode") == "none" else set(service["networks"]) for name, service in services
    }


def internal(model: Model) -> set[str]:
    """Return the networks without access to the outside."""
    return {name for name, network in model["networks"].items() if (network or {}).get("internal")}


def merged(model: Model, override: Model) -> dict[str, Any]:
    """Return the model merged with another file's networks and ports, without services that it puts into a profile."""
    changes = override["services"]
    services = {
        name: dict(service) for name, service in model["services"].items() if "profiles" not in changes.get(name, {})
    }
    for name, added in changes.items():
        for key in ("networks", "ports"):
            if key in added:
                services[name][key] = [*services[name].get(key, []), *added[key]]
    return {"services": services, "networks": model["networks"] | override.get("networks", {})}


def drawing(model: Model) -> str:
    """Draw a line for each service and a column for each network in use: a dot where the service is in the network."""
    table, closed = memberships(model), internal(model)
    networks = [name for name in model["networks"] if any(name in joined for joined in table.values())]
    margin = max(map(len, table)) + _GAP
    lines = [" " * margin + "".join(name.ljust(len(name) + _GAP) for name in networks)]
    for service, joined in table.items():
        dots = [index for index, name in enumerate(networks) if name in joined]
        line = service.ljust(margin)
        for index, name in enumerate(networks):
            mark = "●" if index in dots else "│" if name in closed else "┆"
            line += mark.ljust(len(name) + _GAP, "─" if dots and dots[0] <= index < dots[-1] else " ")
        ports = [port.rpartition(":")[0] for port in model["services"][service].get("ports", [])]
        lines.append(line + "".join(f" ◀ {port}" for port in ports))
    return "\n".join(line.rstrip() for line in lines)
