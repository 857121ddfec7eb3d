"""No secret of a URL is shown, whatever the URL looks like and whoever wrote the text around it."""

import json
import logging

import pytest

from service.errors import StoreInvalid, StoreUnavailable
from service.redaction import redacted
from service.store.locations import open_objects
from service.telemetry import configure_logging

SECRETS = ("AKIAKEY", "s3cr/et+Value", "SIGNED%2Fvalue", "wJalr?XUtn#FEMI")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("s3://AKIAKEY:s3cr/et+Value@bucket/prefix", "s3://***@bucket/prefix"),
        ("s3://AKIAKEY:wJalr?XUtn#FEMI@bucket/prefix", "s3://***@bucket/prefix"),
        ("s3:/AKIAKEY:s3cr/et+Value@bucket", "s3:/***@bucket"),
        ("https://host/store?sv=1&sig=SIGNED%2Fvalue", "https://host/store?***"),
        ("https://host/store#SIGNED%2Fvalue", "https://host/store?***"),
        ('uri: Some(http://AKIAKEY@host/a?sig=SIGNED%2Fvalue, "x")', 'uri: Some(http://***@host/a?*** "x")'),
        ("AWS_SECRET_ACCESS_KEY=s3cr/et+Value and more", "AWS_SECRET_ACCESS_KEY=*** and more"),
        ("X-Amz-Signature=SIGNED%2Fvalue&x=1", "X-Amz-Signature=***&x=1"),
    ],
)
def test_secrets_are_hidden_and_the_place_is_not(text, shown):
    assert redacted(text) == shown
    assert not any(secret in redacted(text) for secret in SECRETS)


@pytest.mark.parametrize(
    "text",
    ["/var/lib/store", "s3://bucket/prefix", "mail ann@example.org", "k = 10: tau = 1", "http://host:9000/a", ""],
)
def test_what_is_no_secret_stays(text):
    assert redacted(text) == text


@pytest.mark.parametrize(
    "location",
    [
        "ftp://AKIAKEY:s3cr/et+Value@host/path",
        "s3:AKIAKEY:s3cr/et+Value@bucket",
        "s3:/AKIAKEY:s3cr/et+Value@bucket",
        "s3://AKIAKEY:s3cr/et+Value@bucket/prefix",
        "az://AKIAKEY:s3cr@account/x?sig=SIGNED%2Fvalue",
    ],
)
def test_location_that_cannot_be_a_store_is_told_without_its_secrets(location):
    with pytest.raises(StoreInvalid, match="IDA_STORE") as failure:
        open_objects(location)
    assert not any(secret in failure.value.message for secret in (*SECRETS, "s3cr"))


@pytest.mark.slow
def test_store_that_cannot_be_reached_tells_no_secret_though_the_library_does():
    objects = open_objects("http://AKIAKEY:pw@127.0.0.1:9/store?sig=SIGNED%2Fvalue")
    assert objects.url == "http://***@127.0.0.1:9/store"
    with pytest.raises(StoreUnavailable) as failure:
        objects.get("store.json", max_bytes=10)
    assert "SIGNED" in str(failure.value.__cause__), "the library's text has it"
    assert not any(secret in failure.value.message for secret in (*SECRETS, ":pw@"))


def test_log_shows_no_secret_even_in_a_traceback(capsys):
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    try:
        configure_logging("info")
        try:
            raise ValueError("http://AKIAKEY:pw@host/a?sig=SIGNED%2Fvalue")
        except ValueError:
            logging.getLogger("x").exception(
                "away: s3://AKIAKEY:pw@bucket", extra={"url": "https://h/p?sig=SIGNED%2Fvalue"}
            )
        line = capsys.readouterr().err.splitlines()[-1]
    finally:
        root.handlers, root.level = handlers, level
    told = json.loads(line)
    assert (told["message"], told["url"]) == ("away: s3://***@bucket", "https://h/p?***")
    assert "http://***@host/a?***" in told["exc_info"]
    assert "AKIAKEY" not in line
