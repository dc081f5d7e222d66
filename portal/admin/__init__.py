"""What `manage.py` offers an admin beside running the portal: each module is a command, or a few of one kind."""
