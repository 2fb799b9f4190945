"""How often and whether a server may be asked, known by all workers together: budgets, pauses, and a circuit breaker.

`platforms.clients.api.Api` asks a `Traffic` before each request and tells it after each answer. Nothing here waits: who
must wait is told for how long. Only `doors`, `connections` and `database` know tables.
"""
