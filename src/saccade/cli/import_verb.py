"""saccade import DATA... --out DIR"""

from pathlib import Path

import click

from saccade.cli.show import json_option, seed_option, show


@click.command("import")
@click.argument("data", nargs=-1)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Where to write the dataset bundle.")
@click.option(
    "--mapping",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML or JSON file that renames classes: old name = new name.",
)
@seed_option
@json_option
def command(*, data: tuple[str, ...], out: Path, mapping: Path | None, seed: int, as_json: bool) -> None:
    """Check every image of DATA and store them as one dataset bundle.

    DATA is `digits` (the default), `cifar10`, `cifar100`, a folder or zip of class folders, an original CIFAR archive,
    or a CSV or Parquet file of paths (or bytes) and labels. Several are merged by class name.
    """
    from saccade.steps.import_images import import_images

    result = import_images(list(data) or ["digits"], out, seed=seed, mapping=mapping)
    lines = [
        f"Dataset bundle: {out}",
        *(f"  {split}: {sum(count.values()):,} images" for split, count in result["counts"].items()),
    ]
    lines += [
        f"  not used, {reason}: {count:,} files (listed in rejected.parquet)"
        for reason, count in result["rejected"].items()
    ]
    show(result, as_json, lines)
