"""How the pages write what servers say."""

from django import template

from platforms.clients.families import software_name

register = template.Library()
register.filter("software_name", software_name)
