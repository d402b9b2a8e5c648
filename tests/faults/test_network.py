"""A site's line to the broker is slow, cut, half-open, flapping or spoilt; and the hub's to its database."""

from collections.abc import Callable
from contextlib import ExitStack
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import make_url

from orchestrator.client import path_input
from orchestrator.stack.ports import LOOPBACK, free_port
from orchestrator.stack.wait import wait_until
from tests.faults.namespaces import Island, island, needs_namespaces
from tests.faults.proxy import Proxy, proxied
from tests.faults.stack import SITE, Stack
from tests.faults.trial import Trial

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("network")]


def _to_redis(stack: Stack) -> tuple[str, int]:
    url = urlsplit(stack.redis_url)
    assert url.hostname
    assert url.port
    return url.hostname, url.port


def _by(stack: Stack, proxy: Proxy) -> str:
    """The broker's address through the proxy."""
    host, port = _to_redis(stack)
    return stack.redis_url.replace(f"{host}:{port}", f"{proxy.host}:{proxy.port}")


def _slow(stack: Stack, proxy: Proxy) -> None:
    proxy.trouble.latency_s, proxy.trouble.bytes_per_s = 0.1, 200_000
    stack.stand(10)


def _cut_off(seconds: float) -> Callable[[Stack, Proxy], None]:
    def cut_off(stack: Stack, proxy: Proxy) -> None:
        proxy.trouble.stalled = True
        stack.stand(seconds)

    return cut_off


def _refused(stack: Stack, proxy: Proxy) -> None:
    proxy.trouble.refused = True
    proxy.cut()
    stack.stand(10)


def _flapping(stack: Stack, proxy: Proxy) -> None:
    for _ in range(15):
        proxy.cut()
        stack.stand(0.7)


def _half_open(_stack: Stack, proxy: Proxy) -> None:
    proxy.vanish()


def _spoilt(_stack: Stack, proxy: Proxy) -> None:
    for times in range(1, 4):
        proxy.trouble.corrupt = True
        assert wait_until(lambda times=times: proxy.trouble.times >= times, 40), "nothing came by"


def _reset(_stack: Stack, proxy: Proxy) -> None:
    for times in range(1, 6):
        proxy.trouble.reset_after = 3000
        assert wait_until(lambda times=times: proxy.trouble.times >= times, 40), "nothing came by"


TROUBLES: dict[str, tuple[Callable[[Stack, Proxy], None], float]] = {
    "a site's line is slow for 10 s": (_slow, 20),
    "a site is cut off for 10 s": (_cut_off(10), 30),
    "a site is cut off for longer than a lease": (_cut_off(22), 60),
    "a site's connections are reset and refused for 10 s": (_refused, 60),
    "a site's line flaps": (_flapping, 30),
    "a site's connections are half-open": (_half_open, 60),
    "bytes of a site's line are turned over": (_spoilt, 45),
    "a site's line breaks off in the middle": (_reset, 60),
}
"""What befalls the line, and within how many seconds after it work goes on."""
QUICK = {"a site's connections are reset and refused for 10 s"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.quick) if n in QUICK else n for n in TROUBLES])
def test_of_a_site(name: str, trial: Trial) -> None:
    stack, (befall, within_s) = trial.stack, TROUBLES[name]
    with proxied(*_to_redis(stack)) as proxy, stack.also(stack.site(trial.far, _by(stack, proxy))):
        assert wait_until(lambda: stack.has_site(trial.far), 40)
        trial.begin(paths=100, seconds=0.2, site=trial.far)
        trial.under_way(10)
        with trial.fault(name, within_s):
            befall(stack, proxy)
            proxy.heal()
        trial.ends(within_s=120)


def _pulled(seconds: float) -> Callable[[Stack, Island, Proxy], None]:
    def pulled(stack: Stack, isle: Island, _proxy: Proxy) -> None:
        isle.pull()
        stack.stand(seconds)
        isle.plug()

    return pulled


def _pulled_often(stack: Stack, isle: Island, _proxy: Proxy) -> None:
    for _ in range(10):
        _pulled(1)(stack, isle, _proxy)
        stack.stand(1)


def _forgotten(stack: Stack, isle: Island, proxy: Proxy) -> None:
    """The broker's host vanishes, and returns without memory of the connections: what is idle does not learn of it."""
    isle.pull()
    proxy.cut()
    stack.stand(3)
    isle.plug()


CABLES: dict[str, tuple[Callable[[Stack, Island, Proxy], None], float]] = {
    "a site's cable is pulled for 10 s": (_pulled(10), 60),
    "a site's cable is pulled for longer than a lease": (_pulled(20), 75),
    "a site's cable is pulled ten times": (_pulled_often, 60),
    "the broker's host vanishes and returns": (_forgotten, 75),
}


@needs_namespaces
@pytest.mark.parametrize("name", CABLES)
def test_of_a_site_on_a_network_of_its_own(name: str, trial: Trial) -> None:
    stack, (befall, within_s) = trial.stack, CABLES[name]
    with (
        island() as isle,
        proxied(*_to_redis(stack), listen=isle.here) as proxy,
        stack.also(stack.site(trial.far, _by(stack, proxy)), *isle.inside),
    ):
        assert wait_until(lambda: stack.has_site(trial.far), 40)
        trial.begin(paths=100, seconds=0.2, site=trial.far)
        trial.under_way(10)
        with trial.fault(name, within_s):
            befall(stack, isle, proxy)
        trial.ends(within_s=120)


@needs_namespaces
def test_a_site_vanishes_with_its_network_and_returns(trial: Trial) -> None:
    stack = trial.stack
    with island() as isle, proxied(*_to_redis(stack), listen=isle.here) as proxy:
        site = stack.site(trial.far, _by(stack, proxy))
        with stack.also(site, *isle.inside):
            assert wait_until(lambda: stack.has_site(trial.far), 40)
            trial.begin(paths=100, seconds=0.2, site=trial.far)
            trial.under_way(10)
            isle.pull()
        isle.vanish()
        with ExitStack() as again:
            with trial.fault("a site vanishes, and returns after 5 s", 75):
                stack.stand(5)
                isle.appear()
                again.enter_context(stack.also(site, *isle.inside))
            trial.ends(within_s=120)


def _to_postgres(stack: Stack) -> tuple[str, int]:
    url = make_url(stack.whole.profile["database_url"])
    assert url.host
    assert url.port
    return url.host, url.port


def _database_by(stack: Stack, proxy: Proxy) -> str:
    url = make_url(stack.whole.profile["database_url"])
    return url.set(host=proxy.host, port=proxy.port).render_as_string(hide_password=False)


@pytest.mark.quick
def test_commits_of_the_hub_whose_answer_is_lost(trial: Trial) -> None:
    stack = trial.stack
    with proxied(*_to_postgres(stack)) as proxy:
        told = {"ORCHESTRATOR_DATABASE_URL": _database_by(stack, proxy)}
        with stack.also(stack.installation.hub(), **told) as second:
            assert wait_until(lambda: stack.waiting_hubs() == 1, 30)
            trial.begin()
            trial.under_way(5)
            stack.kill("hub")
            assert wait_until(lambda: stack.active_hub() == second.pid, 10)
            with trial.fault("the answer to a commit of the hub's is lost", 20):
                proxy.trouble.lose_answer_to = b"COMMIT"
                assert wait_until(lambda: proxy.trouble.times > 0, 20)
            assert second.poll() is None, "it ends, instead of trying again"
            trial.ends()


@pytest.mark.quick
def test_a_commit_of_the_api_whose_answer_is_lost(trial: Trial) -> None:
    """I18: nobody knows whether the job is there; asked again with its key, it is there once."""
    stack, port, key = trial.stack, free_port(), uuid4().hex
    body = {"workflow": trial.workflow(), "site": SITE, "paths": [path_input(bytes(trial.folder(5)))]}
    with proxied(*_to_postgres(stack)) as proxy:
        told = {"ORCHESTRATOR_DATABASE_URL": _database_by(stack, proxy)}
        asked = httpx.Client(base_url=f"http://{LOOPBACK}:{port}/api/v1", headers=stack.whole.http.headers, timeout=30)
        with stack.also(stack.installation.api(port), **told), asked as http:
            assert wait_until(lambda: _answers(http), 30)
            # Whoever asks has used the key just now, so the next commit is the job's.
            proxy.trouble.lose_answer_to = b"COMMIT"
            first = http.post("/jobs", json=body, headers={"Idempotency-Key": key})
            assert proxy.trouble.times == 1
            assert (first.status_code, "Retry-After" in first.headers) == (503, True), first.text
            again = [http.post("/jobs", json=body, headers={"Idempotency-Key": key}) for _ in range(2)]
    assert [answer.is_success for answer in again] == [True, True]
    assert stack.record.one("select count(*) from jobs where idempotency_key = :key", key=key) == 1
    trial.job = again[0].json()["id"]
    trial.ends()


def _answers(http: httpx.Client) -> bool:
    try:
        return http.get("/jobs", params={"limit": 1}).is_success
    except httpx.TransportError:
        return False
