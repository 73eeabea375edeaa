# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Alembic runs to migrate: on the connection that ``upgrade`` hands over, inside its transaction."""

from __future__ import annotations


def run() -> None:
    """Run the migrations of the Alembic command that is under way."""
    from alembic import context  # pylint: disable=import-outside-toplevel

    context.configure(connection=context.config.attributes["connection"], transactional_ddl=False)
    context.run_migrations()


if __name__ == "env_py":  # the name under which Alembic loads this file
    run()
