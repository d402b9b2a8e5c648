import ssl

from workers.app import settings


def test_a_broker_behind_tls_has_to_prove_who_it_is() -> None:
    assert settings("q", tls=True)["broker_use_ssl"] == {"ssl_cert_reqs": ssl.CERT_REQUIRED}
    assert settings("q")["broker_use_ssl"] is None
