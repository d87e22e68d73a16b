"""What axe-core finds wrong with a page for people who see, hear or move differently (WCAG 2.2 A and AA)."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page

from tests.e2e.doctor_desk_rig import ROOT

AXE = ROOT / "web_client" / "node_modules" / "axe-core" / "axe.min.js"

has_axe = pytest.mark.skipif(not AXE.exists(), reason="the web client's development packages are missing: npm ci")

_RUN = """async () => {
  // Half way through a transition a colour is neither of its two; what ends may begin another.
  const passing = () => document.getAnimations().filter((each) => each.playState === 'running'
    && each.effect?.getComputedTiming().iterations !== Infinity);
  for (let now = passing(); now.length > 0; now = passing()) {
    await Promise.all(now.map((each) => each.finished.catch(() => undefined)));
  }
  const found = await axe.run(document, {
    runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] },
    resultTypes: ['violations'],
  });
  return { rules: found.passes.length, violations: found.violations.map(({ impact, id, nodes }) => ({ impact, id,
    where: nodes.map((node) => [node.target.join(' '), ...node.any.map((each) => each.message)].join(': ')) })) };
}"""


async def violations(page: Page) -> list[str]:
    """What is serious or critical on the page as it stands: rule, and each element with what is wrong."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE.read_text())
    found: dict[str, Any] = await page.evaluate(_RUN)
    assert found["rules"] > 5, "axe-core looked at nothing"
    return [f"{each['id']}: {'; '.join(each['where'])}"[:800] for each in found["violations"]
            if each["impact"] in ("serious", "critical")]
