"""How far the restarts of sites are."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from orchestrator.contracts import views
from orchestrator.domain.health import GONE_AFTER_S

_RESTARTS = text("""
    select r.site, r.asked_at, r.asked_by, r.reason, r.node, r.ended_at, r.problem,
      count(n.node) filter (where n.booted_at >= r.asked_at) as done,
      count(n.node) filter (where n.booted_at < r.asked_at and n.left_at is null
        and n.last_heard > clock_timestamp() - make_interval(secs => :gone)) as left
    from restarts r left join nodes n on n.site = r.site
    where r.site = any(:sites) group by r.site
""")


def restarts_of(tx: Connection, names: Sequence[str]) -> dict[str, views.Restart]:
    """The last restart of each of these sites that ever had one."""
    rows = tx.execute(_RESTARTS, {"sites": list(names), "gone": GONE_AFTER_S})
    return {
        row.site: views.Restart(**{name: getattr(row, name) for name in views.Restart.model_fields}) for row in rows
    }
