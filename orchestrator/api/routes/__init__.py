"""The routes, a file a subject; each file has a ``router`` that api.app includes."""
