from processing.task_commands import TaskCommand


class Command(TaskCommand):
    help = (
        "Read an account's posts and store those whose pictures lack alt text, without having drafts made. "
        "generate_captions does both."
    )
    describe = False
