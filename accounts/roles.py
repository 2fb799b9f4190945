"""What each role may do: this table, enforced in every door (views, admin, commands, actions)."""

from enum import StrEnum

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    ADMIN = "admin", _("Admin")
    MODERATOR = "moderator", _("Moderator")
    REVIEWER = "reviewer", _("Reviewer")
    VIEWER = "viewer", _("Viewer")


class Ability(StrEnum):
    READ = "read"  # see what one owns or is a member of
    DECIDE = "decide"  # approve, edit, reject alt texts; publish, undo
    CONNECT = "connect"  # add, test and remove one's own connections
    GENERATE = "generate"  # start and cancel tasks of what one may see
    SEE_ALL = "see_all"  # other people's connections, queues and tasks, and work on them
    STAFF = "staff"  # enter the admin
    MANAGE_PEOPLE = "manage_people"  # users, roles, settings; members and removal of other people's connections


# What the page of one's own account says.
ABILITY_TEXTS = {
    Ability.READ: _("See the connections that you own or are a member of, their pictures and tasks"),
    Ability.DECIDE: _("Approve, edit and reject alt texts, publish and undo"),
    Ability.CONNECT: _("Connect accounts of your own, test and remove them"),
    Ability.GENERATE: _("Start and cancel tasks"),
    Ability.SEE_ALL: _("See other people's connections, queues and tasks, and work on them"),
    Ability.STAFF: _("Enter the admin"),
    Ability.MANAGE_PEOPLE: _("Manage people and roles, and the members and the removal of any connection"),
}

ABILITIES: dict[str, frozenset[Ability]] = {
    Role.VIEWER: frozenset({Ability.READ}),
    Role.REVIEWER: frozenset({Ability.READ, Ability.DECIDE, Ability.CONNECT, Ability.GENERATE}),
    Role.MODERATOR: frozenset(Ability) - {Ability.MANAGE_PEOPLE},
    Role.ADMIN: frozenset(Ability),
}

# What a moderator may do in the admin, by "app.model": the actions there go through the same functions as the views.
MODERATOR_ADMIN: dict[str, frozenset[str]] = {
    "captions.image": frozenset({"view", "change"}),
    "captions.post": frozenset({"view"}),
    "captions.captionversion": frozenset({"view"}),
    "captions.glossaryentry": frozenset({"view"}),
    "captions.styleguide": frozenset({"view"}),
    "captions.prompttemplate": frozenset({"view", "add", "change"}),
    "captions.publication": frozenset({"view", "change"}),
    "processing.captiongenerationtask": frozenset({"view", "change"}),
    "processing.engineattempt": frozenset({"view"}),
    "processing.processingrun": frozenset({"view"}),
    "platforms.platformconnection": frozenset({"view"}),
    "accounts.auditlog": frozenset({"view"}),
}

# What nobody changes by hand, admins included.
READ_ONLY_ADMIN = frozenset(
    {
        "accounts.auditlog",
        "accounts.setting",  # nothing reads them yet
        "accounts.systemrequest",  # nothing writes them yet
        "accounts.usersession",  # an action ends them
        "captions.captionversion",
        "captions.glossaryentry",  # the page of the connection writes it
        "captions.styleguide",
        "processing.engineattempt",
        "processing.processingrun",
    }
)

# Rows that take much with them: they are switched off instead, by everybody.
NEVER_DELETED = frozenset({"accounts.user", "captions.prompttemplate"})


def allows(role: str, ability: Ability) -> bool:
    return ability in ABILITIES.get(role, frozenset())


def allows_admin(role: str, permission: str) -> bool:
    """Whether `role` has Django's `permission`, such as `captions.change_image`."""
    app, _dot, codename = permission.partition(".")
    verb, _underscore, model = codename.partition("_")
    name = f"{app}.{model}"
    if (name in READ_ONLY_ADMIN and verb != "view") or (name in NEVER_DELETED and verb == "delete"):
        return False
    if role == Role.ADMIN:
        return True
    return role == Role.MODERATOR and verb in MODERATOR_ADMIN.get(name, frozenset())
