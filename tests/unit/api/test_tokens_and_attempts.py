"""Files of tokens are read strictly, and attempts are counted in bounded memory."""

import pytest

from service.api.attempts import Attempts
from service.api.tokens import Administrator, read_tokens
from service.errors import SettingsInvalid

TOKEN = "a-token-0123456789"


def write(tmp_path, text):
    (tmp_path / "tokens").write_text(text)
    return tmp_path / "tokens"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"ann:{TOKEN}", Administrator("ann", "write")),
        (f"ann:write:{TOKEN}", Administrator("ann", "write")),
        (f"ann:read:{TOKEN}", Administrator("ann", "read")),
        (TOKEN, Administrator("admin", "write")),
    ],
)
def test_line_gives_a_name_and_a_role(tmp_path, line, expected):
    assert read_tokens(write(tmp_path, line)) == {TOKEN.encode(): expected}


def test_token_with_a_role_may_have_colons(tmp_path):
    assert list(read_tokens(write(tmp_path, f"ann:read:x:{TOKEN}"))) == [f"x:{TOKEN}".encode()]


@pytest.mark.parametrize("line", [f"ann:reed:{TOKEN}", f"ann::{TOKEN}", f"ann:READ:{TOKEN}", "ann:read:short"])
def test_role_that_is_none_is_refused_and_tells_no_token(tmp_path, line):
    with pytest.raises(SettingsInvalid, match="line 1") as failure:
        read_tokens(write(tmp_path, line))
    assert TOKEN not in failure.value.message


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def exhausted(attempts, address, times=5):
    for _ in range(times):
        attempts.count(address)


def test_addresses_are_counted_apart():
    attempts = Attempts(Clock())
    exhausted(attempts, "10.0.0.1")
    assert attempts.wait("10.0.0.1") == 1
    assert attempts.wait("10.0.0.2") == 0


def test_one_client_has_a_whole_ipv6_network_and_is_counted_once():
    attempts = Attempts(Clock())
    for number in range(5):
        attempts.count(f"2001:db8::{number:x}")
    assert attempts.wait("2001:db8::ffff") == 1
    assert attempts.wait("2001:db8:0:1::1") == 0
    exhausted(attempts, "::ffff:10.0.0.9")
    assert attempts.wait("10.0.0.9") == 1


def test_what_is_quiet_for_a_while_is_forgotten():
    clock = Clock()
    attempts = Attempts(clock)
    exhausted(attempts, "10.0.0.1", 20)
    assert attempts.wait("10.0.0.1") == 60
    clock.now = 901.0
    assert attempts.count("10.0.0.1") == 1


@pytest.mark.slow
def test_no_more_addresses_are_kept_than_a_limit():
    attempts = Attempts(Clock())
    for number in range(30_000):
        attempts.count(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(attempts._wrong) == 10_000
