"""Embeddings of real people on the disk: for their owner alone, where the settings say, and deleted by a command."""

import stat

import numpy as np
import pytest
from fakes import fake_pipeline, picture
from typer.testing import CliRunner

from models.cli import app
from models.labelled.embed import Embedder
from models.labelled.embedding_cache import CachedFace, EmbeddingCache, open_cache
from service.settings import Settings


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("IDA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IDA_CACHE", str(tmp_path / "elsewhere"))
    return Settings()


@pytest.fixture
def kept(settings, tmp_path):
    """Keep the embedding of one picture."""
    (tmp_path / "a.png").write_bytes(picture())
    pipeline = fake_pipeline(settings)

    def keep():
        with open_cache(settings, pipeline, "photo") as cache:
            Embedder(pipeline, cache, workers=1).embed([tmp_path / "a.png"])

    return keep


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def files_below(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def command(*arguments):
    return CliRunner().invoke(app, ["cache", *arguments])


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_cache_is_for_its_owner_alone_and_lies_where_the_settings_say(settings, kept, tmp_path, umask, monkeypatch):
    import os

    before = os.umask(umask)
    try:
        kept()
    finally:
        os.umask(before)

    (file,) = files_below(tmp_path / "elsewhere")
    assert (mode(file), mode(file.parent)) == (0o600, 0o700)
    assert not files_below(tmp_path / "home")


def test_files_that_sqlite_makes_beside_it_while_it_writes_are_no_more_open(tmp_path):
    with EmbeddingCache(tmp_path / "cache", b"m" * 32) as cache, cache._changing():
        cache._connection.execute("INSERT INTO embeddings VALUES (x'00', x'00', '', x'00', 0, 0)")
        assert {mode(path) for path in files_below(tmp_path / "cache")} == {0o600}
        assert len(files_below(tmp_path / "cache")) > 1


def test_file_and_folder_that_everybody_could_read_are_closed(tmp_path):
    folder = tmp_path / "cache"
    with EmbeddingCache(folder, b"m" * 32) as cache:
        cache.keep({b"s" * 32: CachedFace(np.ones(4, np.float32))})
    (file,) = files_below(folder)
    file.chmod(0o644)
    folder.chmod(0o755)

    with EmbeddingCache(folder, b"m" * 32) as cache:
        assert len(cache.find([b"s" * 32])) == 1
        assert (mode(file), mode(folder)) == (0o600, 0o700)


@pytest.mark.parametrize("where", ["home/cache", "elsewhere"])
def test_what_an_earlier_version_kept_in_the_open_is_taken_over(settings, kept, tmp_path, where):
    kept()
    (file,) = files_below(tmp_path / "elsewhere")
    former = tmp_path / where / "embeddings.sqlite3"
    former.parent.mkdir(parents=True, exist_ok=True)
    file.rename(former)
    former.chmod(0o644)
    content = former.read_bytes()

    with open_cache(settings, fake_pipeline(settings), "photo"):
        pass

    assert files_below(tmp_path / "elsewhere") + files_below(tmp_path / "home") == [file]
    assert mode(file) == 0o600
    assert file.read_bytes()[:1000] == content[:1000]


def test_command_lists_and_deletes_the_embeddings_and_nothing_else(settings, kept, tmp_path):
    assert "no embeddings are kept" in command("list").output
    kept()
    (file,) = files_below(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "0123456789abcdef").mkdir()
    (tmp_path / "elsewhere" / "0123456789abcdef" / "manifest.json").write_text("a copy of a bundle")

    for shown in (command("list"), command("clear", "--dry-run")):
        assert shown.exit_code == 0, shown.output
        assert f"{file}: {file.stat().st_size:,} bytes, 1 pictures" in shown.output.replace("\n", "")
    assert file.exists()

    cleared = command("clear")

    assert cleared.exit_code == 0, cleared.output
    assert "deleted" in cleared.output
    assert [path.name for path in files_below(tmp_path / "elsewhere")] == ["manifest.json"]
    assert "no embeddings are kept" in command("clear").output
