"""The verdict as a fragment of HTML, to stand above Evidently's report."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from saccade.core.artifacts import BundleInfo
from saccade.watch.verdict import Verdict


def verdict_banner(verdict: Verdict, bundle: BundleInfo, period: str) -> str:
    """Returns the verdict, its false-alarm rate and every test as HTML. period: when the window was answered."""
    tests = sorted(verdict.tests, key=lambda test: (test.adjusted_p_value, test.p_value))
    return _template().render(verdict=verdict, tests=tests, bundle=bundle, period=period)


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("saccade.watch"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("verdict.html.j2")
