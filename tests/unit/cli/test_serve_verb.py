import pytest
from click.testing import CliRunner

from saccade.cli.serve_verb import command
from saccade.core.errors import UsageError
from saccade.serving.tokens import read_token


@pytest.mark.parametrize(
    "option",
    ["--grpc-port=1", "--queue-images=512", "--max-body-bytes=1", "--batch-delay-ms=1"],
)
def test_option_of_the_kserve_door_is_refused_for_torchserve(tmp_path, option):
    result = CliRunner().invoke(command, [str(tmp_path), option])
    assert result.exit_code == 2
    assert f"{option.partition('=')[0]} needs --server kserve" in result.output


def test_impossible_batch_is_refused_before_anything_is_loaded(tmp_path):
    result = CliRunner().invoke(command, [str(tmp_path), "--server=kserve", "--batch-images=0"])
    assert isinstance(result.exception, UsageError)


def test_token_is_read_without_the_end_of_its_line(tmp_path):
    (tmp_path / "token").write_text("secret\n")
    assert read_token(tmp_path / "token") == b"secret"


def test_empty_token_file_is_refused(tmp_path):
    (tmp_path / "token").write_text(" \n")
    with pytest.raises(UsageError, match=r"token' is empty"):
        read_token(tmp_path / "token")
