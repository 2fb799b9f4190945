"""How a command names a connection."""

from platforms.models import PlatformConnection


class ConnectionNotFound(LookupError):
    """No connection, or more than one, answers to the name; the message says what to type instead."""


def find_connection(named: str) -> PlatformConnection:
    """The connection that `--connection` means: an id, a name that is unique, or `user/name`.

    Raises:
        ConnectionNotFound: none or several match.
    """
    connections = PlatformConnection.objects.select_related("user")
    owner, slash, name = named.partition("/")
    if named.isdecimal():
        found = list(connections.filter(pk=int(named))) or list(connections.filter(name=named)[:2])
    elif slash:
        found = list(connections.filter(user__username_key=owner.lower(), name=name)[:2])
    else:
        found = list(connections.filter(name=named)[:2])
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"{row.pk} ({row.user}/{row.name})" for row in connections.order_by("pk")[:20])
    if found:
        raise ConnectionNotFound(
            f"Several connections are called {named!r}. Name one by its id or as user/name: {known}."
        )
    raise ConnectionNotFound(
        f"There is no connection {named!r}. There are: {known}."
        if known
        else "No account is connected yet. Use connect_platform."
    )
