"""Judging engines and prompts on a folder of pictures with reference texts. None of it writes to the database."""
