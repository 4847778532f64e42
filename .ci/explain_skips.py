"""Fails if a test was skipped for a reason that a complete machine could still have: reads JUnit XML reports."""

import re
import sys
from xml.etree import ElementTree

EXPLAINED = (
    re.compile(r"\b(GPU|CUDA)\b"),  # no such device here
    re.compile(r"\bChromium\b"),  # the report's browser, which no package of ours brings
    re.compile(r"\.\./shared/media"),  # real footage that is no part of the project
)


def main(reports: list[str]) -> int:
    n_explained, unexplained = 0, []
    for report in reports:
        for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 (pytest wrote it just now)
            for skip in case.iter("skipped"):
                reason = skip.get("message", "")
                if any(pattern.search(reason) for pattern in EXPLAINED):
                    n_explained += 1
                else:
                    unexplained.append(f"{case.get('classname')}::{case.get('name')}: {reason or 'no reason given'}")
    print(f"{n_explained} tests skipped for want of a GPU, of Chromium or of the real footage")
    if unexplained:
        print("skipped for no accepted reason:", *unexplained, sep="\n  ", file=sys.stderr)
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
