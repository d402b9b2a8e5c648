import ssl

from orchestrator.client.trust import trusted


def test_over_tls_the_world_is_trusted_as_ever() -> None:
    assert trusted("https://hub.example.org") is True
    assert trusted("HTTPS://hub.example.org") is True


def test_without_tls_nobody_is() -> None:
    nobody = trusted("http://127.0.0.1:8080")
    assert isinstance(nobody, ssl.SSLContext)
    assert nobody.cert_store_stats()["x509"] == 0
    assert nobody.verify_mode is ssl.CERT_REQUIRED
