from __future__ import annotations

from pathlib import Path

import pytest

from tailhub.admin.token_file import TOKEN_FILE, TokenFile


def test_the_token_fits(tmp_path: Path) -> None:
    """The file's text is the token, without the white space around it, and nothing else is."""
    path = tmp_path / TOKEN_FILE
    path.write_text("0123456789abcdef-ghij\n")
    file = TokenFile(path)
    assert file.fits(b"0123456789abcdef-ghij")
    assert not file.fits(b"0123456789abcdef-ghij\n")
    assert not file.fits(b"0123456789abcdef-ghik")
    assert not file.fits(b"0123456789abcdef")
    assert not file.fits("0123456789abcdef-ghiä".encode())
    assert not file.fits(b"")


def test_another_token(tmp_path: Path) -> None:
    """When the file is replaced the old token is none any more."""
    path = tmp_path / TOKEN_FILE
    path.write_text("the-first-token-here")
    file = TokenFile(path)
    assert file.fits(b"the-first-token-here")
    other = tmp_path / "other"
    other.write_text("the-other-token-here")
    other.replace(path)
    assert file.fits(b"the-other-token-here")
    assert not file.fits(b"the-first-token-here")


def test_no_token(tmp_path: Path) -> None:
    """Without the file nobody has the token, and when it comes whoever has it may."""
    file = TokenFile(tmp_path / TOKEN_FILE)
    assert not file.fits(b"")
    assert not file.fits(b"anything-at-all-here")
    (tmp_path / TOKEN_FILE).write_text("anything-at-all-here")
    assert file.fits(b"anything-at-all-here")
    (tmp_path / TOKEN_FILE).unlink()
    assert not file.fits(b"anything-at-all-here")


@pytest.mark.parametrize("text", ["", "\n", "short", "123456789012345"])
def test_a_token_that_could_be_guessed(tmp_path: Path, text: str) -> None:
    """An empty file, or a token of a few characters, is no token."""
    (tmp_path / TOKEN_FILE).write_text(text)
    assert not TokenFile(tmp_path / TOKEN_FILE).fits(text.strip().encode())
