"""Whether a queue or a function of a site is given nothing, as a condition in other statements."""


def closed(site: str, queue: str, function: str, which: str = "disabled or c.draining") -> str:
    """SQL that is true where a stance (tables.stances) is about this lane; the arguments are expressions.

    ``which`` is what it has to say: by default either, else ``draining``.
    """
    return (
        f"exists (select from stances c where c.site = {site} and c.queue in ('', {queue}) "
        f"and c.function in ('', {function}) and (c.{which}))"
    )
