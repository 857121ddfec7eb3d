"""Files of callers' keys are read strictly and tell no key; limits are kept by a clock."""

from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from models.cli import app
from service.api.access.key_file import digest_of, new_key, read_keys
from service.api.access.key_limits import KeyUse
from service.api.problems import RateLimited
from service.errors import SettingsInvalid

KEY = "ida_a-key-that-nobody-may-ever-read-in-a-message"
DIGEST = digest_of(KEY)
LINE = f'shop = {{ sha256 = "{DIGEST}", scopes = ["verify"] }}\n'


def write(tmp_path, text):
    (tmp_path / "keys.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return tmp_path / "keys.toml"


def key(tmp_path, limits):
    return read_keys(write(tmp_path, LINE.replace(" }", f", {limits} }}")))[0]


def test_line_says_who_may_what_and_how_much(tmp_path):
    text = (
        f'shop-1 = {{ sha256 = "{DIGEST}", scopes = ["verify", "info"], per_second = 2, burst = 5, concurrent = 3, '
        "expires = 2027-01-31 }\n"
    )
    (found,) = read_keys(write(tmp_path, text))
    assert (found.name, found.scopes, found.per_second, found.burst, found.concurrent) == (
        "shop-1",
        ("verify", "info"),
        2.0,
        5,
        3,
    )
    assert not found.is_expired(datetime(2027, 1, 30, 23, 59, tzinfo=UTC))
    assert found.is_expired(datetime(2027, 1, 31, tzinfo=UTC))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nobody\n",
        LINE + "half a li",
        LINE + LINE,
        b"shop = \xff",
        "a = " + "[" * 100_000,
        "#" * 5_000_000,
        LINE.replace("verify", "everything"),
        LINE.replace('["verify"]', "[]"),
        LINE.replace('["verify"]', '"verify"'),
        LINE.replace(DIGEST, KEY),
        LINE.replace(DIGEST, DIGEST.upper()),
        LINE.replace("sha256", "key"),
        LINE.replace(" }", ", admin = true }"),
        LINE.replace(" }", ", name = 'other' }"),
        LINE.replace(" }", ", per_second = 0 }"),
        LINE.replace(" }", ", per_second = nan }"),
        LINE.replace(" }", ", per_second = inf }"),
        LINE.replace(" }", ", concurrent = 0 }"),
        LINE.replace(" }", ", concurrent = 1.5 }"),
        LINE.replace(" }", ", expires = 2027-01-31T12:00:00 }"),
        LINE.replace(" }", ", expires = 'never' }"),
        LINE.replace(" }", ", expires = 99 }"),
        f'shop = "{KEY}"\n',
        LINE.replace("shop", KEY),
        LINE.replace("shop", '"a shop"'),
        LINE.replace("shop", '""'),
        LINE.replace("shop", '"shop\\u0000"'),
        LINE + LINE.replace("shop", "other"),
    ],
)
def test_file_that_says_what_it_must_not_is_refused_and_tells_no_key(tmp_path, text):
    with pytest.raises(SettingsInvalid, match="IDA_API_KEYS_FILE") as failure:
        read_keys(write(tmp_path, text))
    assert KEY not in failure.value.message
    assert "nobody-may-ever" not in failure.value.message
    assert len(failure.value.message) < 600


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir()], ids=["missing", "a folder"])
def test_file_that_cannot_be_read_is_refused(tmp_path, make):
    make(tmp_path / "keys.toml")
    with pytest.raises(SettingsInvalid, match="cannot be read"):
        read_keys(tmp_path / "keys.toml")


def test_command_makes_a_key_and_the_line_that_knows_it(tmp_path):
    limits = ["--per-second", "2.5", "--burst", "4", "--concurrent", "2", "--expires", "2027-01-31"]
    made = CliRunner().invoke(app, ["keys", "new", "shop", "--scope", "verify", *limits])
    assert made.exit_code == 0, made.output
    (shown,) = made.stderr.splitlines()
    (found,) = read_keys(write(tmp_path, made.stdout))
    assert found.sha256 == digest_of(shown.split()[-1])
    assert (found.name, found.scopes, found.per_second, found.burst, found.concurrent) == (
        "shop",
        ("verify",),
        2.5,
        4,
        2,
    )
    assert found.expires == datetime(2027, 1, 31, tzinfo=UTC)
    assert shown.split()[-1] not in made.stdout
    listed = CliRunner().invoke(app, ["keys", "list", str(tmp_path / "keys.toml")])
    assert "shop" in listed.output
    assert found.sha256 not in listed.output


def test_command_makes_several_and_each_another(tmp_path):
    made = CliRunner().invoke(app, ["keys", "new", "one", "two"])
    found = read_keys(write(tmp_path, made.stdout))
    assert [entry.name for entry in found] == ["one", "two"]
    assert found[0].sha256 != found[1].sha256
    assert found[0].scopes == ("verify", "embed", "info")


@pytest.mark.parametrize("arguments", [["a b"], ["shop", "--scope", "all"], ["shop", "--per-second", "0"]])
def test_command_refuses_what_the_service_would_refuse(arguments):
    made = CliRunner().invoke(app, ["keys", "new", *arguments])
    assert made.exit_code == 1
    assert made.stdout == ""


def test_keys_have_256_random_bits():
    made = {new_key() for _ in range(100)}
    assert len(made) == 100
    assert {len(found) for found in made} == {len("ida_") + 43}


# Limits


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def let_in(use, limited, times):
    """How many of some requests at once are let in and answered, and what the first refused is told."""
    for number in range(times):
        try:
            use.enter(limited)
        except RateLimited as error:
            return number, error.retry_after
        use.leave()
    return times, None


def test_bucket_lets_a_seconds_worth_in_at_once_and_fills_by_the_second(tmp_path):
    limited, clock = key(tmp_path, "per_second = 2"), Clock()
    use = KeyUse(clock)
    assert let_in(use, limited, 10) == (2, 1)
    clock.now += 0.5
    assert let_in(use, limited, 10) == (1, 1)
    clock.now += 3600
    assert let_in(use, limited, 10) == (2, 1), "it holds no more than when it was full"


def test_over_a_long_time_no_more_are_let_in_than_the_rate(tmp_path):
    limited, clock = key(tmp_path, "per_second = 3.5, burst = 10"), Clock()
    use = KeyUse(clock)
    total = 0
    for _ in range(1000):
        total += let_in(use, limited, 3)[0]
        clock.now += 0.1
    assert total == 10 + 349  # the burst, and 3.5 a second for the 99.9 s between the first and the last


def test_slow_rate_says_when_to_come_again_and_then_lets_in(tmp_path):
    limited, clock = key(tmp_path, "per_second = 0.1"), Clock()
    use = KeyUse(clock)
    assert let_in(use, limited, 2) == (1, 10)
    clock.now += 9
    assert let_in(use, limited, 1) == (0, 1)
    clock.now += 1
    assert let_in(use, limited, 1) == (1, None)


def test_request_refused_for_others_in_work_takes_nothing_of_the_rate(tmp_path):
    limited = key(tmp_path, "per_second = 0.1, burst = 2, concurrent = 1")
    use = KeyUse(Clock())
    use.enter(limited)
    for _ in range(5):
        with pytest.raises(RateLimited, match="in work") as refused:
            use.enter(limited)
    assert refused.value.retry_after == 1
    use.leave()
    use.enter(limited)
    use.leave()
    with pytest.raises(RateLimited, match="times a second"):
        use.enter(limited)


def test_key_without_limits_has_none(tmp_path):
    (unlimited,) = read_keys(write(tmp_path, LINE))
    assert let_in(KeyUse(Clock()), unlimited, 10_000) == (10_000, None)
