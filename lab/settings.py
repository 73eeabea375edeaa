"""What a lab was started with, kept in ``<dir>/lab.json``, so that each daemon and command sees the same lab."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

from lab.layout import Layout


class NoLab(RuntimeError):
    """There is no lab in this directory."""


@dataclasses.dataclass(frozen=True)
class Settings:
    layout: Layout
    boot_delay: float = 1.0  # seconds from power on to a running discovery image
    install_delay: float = 1.0  # seconds an installation takes
    hub: bool = True  # whether the lab has a hub (etcd, kube-apiserver) and its physics

    @property
    def directory(self) -> Path:
        return self.layout.directory

    def to_json(self) -> dict:
        """The options, without the directory: a lab can be looked at through another path."""
        places = dataclasses.asdict(self.layout)
        del places["directory"]
        return {"layout": {**places, "canaries": list(self.layout.canaries)}, "boot_delay": self.boot_delay,
                "install_delay": self.install_delay, "hub": self.hub}


def path(directory: Path) -> Path:
    return directory / "lab.json"


def save(settings: Settings) -> None:
    """Write the settings to their lab's directory, all or nothing."""
    target = path(settings.directory)
    draft = target.with_suffix(".new")
    draft.write_text(json.dumps(settings.to_json(), indent=2) + "\n")
    os.replace(draft, target)


def load(directory: Path) -> Settings:
    """The settings of the lab in ``directory``.

    :raises NoLab: none was started there.
    """
    directory = Path(directory).resolve()
    try:
        data = json.loads(path(directory).read_text())
    except FileNotFoundError as error:
        raise NoLab(f"there is no lab in {directory}; start one with: python -m lab up") from error
    places = data.pop("layout")
    places["canaries"] = tuple(places["canaries"])
    return Settings(layout=Layout(directory=directory, **places), **data)
