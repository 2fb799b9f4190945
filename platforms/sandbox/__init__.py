"""A small instance of our own that speaks the Mastodon API, for demonstrations and tests.

It needs no Django: a WSGI application, a threading server and one SQLite file. It behaves as Mastodon 4.4 does, or as
another server family in `families`, data-loss traps included: an edit that leaves out `media_ids` really removes the
pictures.

Known differences: signing in needs no password, no federation, no notifications, no video (an
animated GIF stays a GIF, uploads are kept as they came), text is counted in code points, a post may have both a poll
and pictures (Mastodon 4.6 allows it), and one rate limit instead of a dozen.
"""
