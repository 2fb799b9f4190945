#!/usr/bin/env python
"""Vedfolnir's command line: `python manage.py help` lists what it can do."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vedfolnir.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError as error:
        message = f"{error}. Run scripts/run once, then use .venv/bin/python manage.py."
        raise SystemExit(message) from error
    from django.core.exceptions import ImproperlyConfigured

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        raise SystemExit(f"Vedfolnir is not configured: {error}") from error


if __name__ == "__main__":
    main()
