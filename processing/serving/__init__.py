"""`manage.py serve`: the page, the workers, the scheduler and, for a first try, the sandbox, as one command."""
