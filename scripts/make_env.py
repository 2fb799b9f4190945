"""Write the secrets of a copy that runs on one machine into `var/env`, once. Standard library only.

Data without its key is an error, never a new key: the credentials in the database could not be read any more.
"""

import base64
import os
import secrets
import sys
from pathlib import Path

CONTENT = """\
# Secrets and settings of this copy, made by scripts/run on its first start. Keep a copy of this file in a safe place:
# without PLATFORM_ENCRYPTION_KEY nobody can read the credentials of the connected accounts again.
SECRET_KEY={secret_key}
PLATFORM_ENCRYPTION_KEY={encryption_key}
DEBUG=false
ALLOWED_HOSTS=localhost,127.0.0.1
# The sandbox instance on this machine; every other private address stays out of reach.
OUTBOUND_ALLOW=127.0.0.1:8400
"""

LOST_KEY = """\
There is data in {database}, but the secrets that belong to it are missing: {env}
Restore that file from your backup. If the data may go, move {folder} away and start again; a new key is never made for
old data, because it could not read the credentials of the connected accounts.
"""


class KeyLost(Exception):
    """There is data, but not the secrets that belong to it."""


def make_env(folder: Path) -> bool:
    """Write `folder/env` (mode 600) unless it exists; was it written?

    Raises:
        KeyLost: the database exists, its secrets do not.
        OSError: the folder cannot be written.
    """
    env, database = folder / "env", folder / "db.sqlite3"
    if env.exists():
        return False
    if database.exists():
        raise KeyLost(LOST_KEY.format(database=database, env=env, folder=folder))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = CONTENT.format(
        secret_key=secrets.token_urlsafe(50),
        encryption_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    )
    # Written beside it and renamed: a start that is cut short must not leave half a file.
    draft = folder / f".env-{os.getpid()}"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(env)
    return True


def main() -> int:
    folder = Path(os.environ.get("VEDFOLNIR_DATA_DIR") or Path(__file__).resolve().parent.parent / "var")
    try:
        written = make_env(folder)
    except KeyLost as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"The secrets cannot be written to {folder}: {error}", file=sys.stderr)
        return 1
    if written:
        print(f"Made the secrets of this copy: {folder / 'env'} (keep a backup of that file)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
