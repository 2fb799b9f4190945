"""The clients of each family of servers.

They take and return frozen data (`platforms.clients.base`), never models; `platforms.speaking` picks the one to use.
"""
