"""Redis and Celery, seen from the hub: carriers of hints and hands, never of the truth."""
