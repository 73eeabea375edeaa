# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside Nautobot's own environment: does what the tests need and Nautobot's API cannot do, or not in bulk.

Reads one JSON list a line, C([command, arguments]), and answers each with a line.
"""

from __future__ import annotations

import json
import os
import sys

answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)  # what Nautobot prints goes to the log

import nautobot  # noqa: E402

nautobot.setup()

from django.contrib.contenttypes.models import ContentType  # noqa: E402
from django.db import connection, connections, transaction  # noqa: E402
from gunicorn.app.base import BaseApplication  # noqa: E402
from nautobot.extras.management import populate_role_choices, populate_status_choices  # noqa: E402
from nautobot.extras.models import ObjectChange  # noqa: E402
from nautobot.ipam.models import get_default_namespace  # noqa: E402
from nautobot.users.models import ObjectPermission, Token, User  # noqa: E402

from nautobot_load import Loader  # noqa: E402


def defaults() -> None:
    """What the migrations of a new Nautobot leave in its tables and a data centre refers to: statuses, roles, the namespace."""
    populate_status_choices()
    populate_role_choices()
    get_default_namespace()


def load(document: dict) -> dict:
    """Make the data centre's objects, all or none."""
    with transaction.atomic():
        counts = Loader(document).load()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return counts


def token(user: str, permissions: dict | None = None) -> str:
    """A token of a user, made if there is none.

    :param permissions: by action, the models: ``{"view": ["dcim.device"]}``; not given, the user may do everything.
    """
    account, _made = User.objects.get_or_create(username=user, defaults={"is_superuser": permissions is None})
    for action, models in (permissions or {}).items():
        granted = ObjectPermission.objects.create(name=f"{user} {action}", actions=[action])
        granted.users.add(account)
        for model in models:
            granted.object_types.add(ContentType.objects.get_by_natural_key(*model.split(".")))
    return Token.objects.create(user=account).key


def prune(before: str | None = None) -> int:
    """Take entries out of the change log: all, or those before a time (ISO). Returns how many."""
    entries = ObjectChange.objects.filter(time__lt=before) if before else ObjectChange.objects.all()
    return entries.delete()[0]


def serve(port: int, workers: int) -> int:
    """Serve Nautobot from processes of their own, which need not import it again; returns the first one's id."""
    from nautobot_wsgi import application

    class Server(BaseApplication):
        def load_config(self) -> None:
            for name, value in {"bind": f"127.0.0.1:{port}", "workers": workers, "timeout": 600, "control_socket_disable": True}.items():
                if name in self.cfg.settings:
                    self.cfg.set(name, value)

        def load(self):
            return application

    connections.close_all()  # none is shared by processes
    first = os.fork()
    if first:
        return first
    try:
        answers.close()
        os.close(0)
        Server().run()
    finally:
        os._exit(0)


COMMANDS = {"defaults": defaults, "load": load, "token": token, "prune": prune, "serve": serve}


def main() -> None:
    for line in sys.stdin:
        command, arguments = json.loads(line)
        try:
            answers.write(json.dumps({"result": COMMANDS[command](**arguments)}) + "\n")
        except Exception as error:  # told to the test, which fails of it
            answers.write(json.dumps({"error": f"{command}: {type(error).__name__}: {error}"}) + "\n")


if __name__ == "__main__":
    main()
