"""The example of native/README.md runs."""

from pathlib import Path

README = Path(__file__).parents[3] / "native" / "README.md"


def test_example_prepares_a_folder_and_names_the_broken_file(photo, encode, tmp_path, monkeypatch, capsys):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.png").write_bytes(encode(photo(300, 400), "PNG"))
    (tmp_path / "photos" / "2.jpg").write_bytes(b"text")
    monkeypatch.chdir(tmp_path)
    example = README.read_text().split("```python\n")[1].split("```")[0]

    exec(compile(example, str(README), "exec"), {})

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("png 400 x 300, sharpness 0.")
    assert "not a JPEG, PNG or WebP image" in lines[1]
