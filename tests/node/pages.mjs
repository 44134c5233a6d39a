// The booking pages in a real browser: with and without script, on a phone and a desktop, light and dark, and by
// keyboard alone. Nothing may scroll sideways, break the content security policy, or fail axe's rules.
//
//     node tests/node/pages.mjs http://127.0.0.1:3000
//
// With HOLDFAST_SHOTS=<folder> every page is also kept as a picture. Without Chromium it says `skipped`.
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import assert from "node:assert/strict";

const CHROMIUM = process.env.HOLDFAST_CHROMIUM ?? "/usr/bin/chromium";
const SHOTS = process.env.HOLDFAST_SHOTS;
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const WAYS = [
  { name: "phone", width: 390, height: 844, script: true },
  { name: "phone-plain", width: 390, height: 844, scheme: "dark", script: false },
  { name: "desktop", width: 1280, height: 800, script: true },
  { name: "desktop-plain", width: 1280, height: 800, scheme: "light", script: false },
];

const require = createRequire(import.meta.url);
if (!existsSync(CHROMIUM)) {
  console.log(`skipped: no ${CHROMIUM}`);
  process.exit(0);
}
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const base = process.argv[2];
if (SHOTS) mkdirSync(SHOTS, { recursive: true });

const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
const complaints = [];

/** A guest with a browser of their own. */
async function guest(way) {
  const context = await browser.newContext({
    viewport: { width: way.width, height: way.height },
    colorScheme: way.scheme ?? "light",
    javaScriptEnabled: way.script,
    timezoneId: "America/Sao_Paulo",
    reducedMotion: "reduce",
  });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(`${way.name}: ${error}`));
  page.on("console", (message) => {
    // A page may be a 404 or a 422 on purpose; anything else that is said of it is wrong.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource: the server responded")) {
      complaints.push(`${way.name}: ${message.text()}`);
    }
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(base)) complaints.push(`${way.name}: loads ${request.url()}`);
  });
  return page;
}

/** Looks at a page as a whole: light and dark where there is script, without which axe does not run. */
async function look(page, way, name, heading) {
  await page.waitForLoadState("load");
  const at = `${way.name}, ${name}`;
  assert.match(await page.locator("h1").innerText(), heading, at);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (wide > 0) complaints.push(`${at}: ${wide} pixels too wide`);
  if (way.script) await page.evaluate(axe);
  for (const colorScheme of way.script ? ["light", "dark"] : [way.scheme]) {
    await page.emulateMedia({ colorScheme });
    if (SHOTS) await page.screenshot({ path: `${SHOTS}/${way.name}-${name}-${colorScheme}.png`, fullPage: true });
    // Colours do not depend on the width: dark once is enough, and each look costs a second.
    if (!way.script || (colorScheme === "dark" && way.width > 390)) continue;
    const { violations } = await page.evaluate((rules) => window.axe.run(document, { runOnly: rules }), RULES);
    for (const found of violations) {
      const nodes = found.nodes.map((node) => `${node.html} ${node.failureSummary}`).join(" ");
      complaints.push(`${at}, ${colorScheme}: ${found.id}: ${found.help}: ${nodes}`);
    }
  }
}

/** Books, moves and cancels with a pointer. */
async function walk(way) {
  const page = await guest(way);
  await page.goto(`${base}/demo`);
  await look(page, way, "1-list", /Analytical Engines/);
  await page.getByRole("link", { name: "Deep dive" }).click();
  if (way.script) await page.waitForURL(/zone=America/);
  await look(page, way, "2-week", /Deep dive/);
  if (!way.script) {
    await page.getByLabel("Time zone").selectOption("America/Sao_Paulo");
    await page.getByRole("button", { name: "Change" }).click();
  }
  assert.equal(await page.getByLabel("Time zone").inputValue(), "America/Sao_Paulo", way.name);
  await page.getByRole("link", { name: "1 h 30 min" }).click();
  await page.getByRole("link", { name: "Next week" }).click();
  const slot = page.locator("button[name=start]").first();
  const label = await slot.getAttribute("aria-label");
  await slot.click();
  await look(page, way, "3-form", /Deep dive/);
  const clock = page.locator(".clock");
  if (way.script) {
    const began = await clock.innerText();
    assert.match(began, /^(5:00|4:5\d)$/, way.name);
    await page.waitForFunction((began) => document.querySelector(".clock").textContent !== began, began);
  } else {
    assert.match(await page.locator(".until").innerText(), /kept for you until \d\d:\d\d/, way.name);
    assert.equal(await clock.isVisible(), false, way.name);
  }
  await page.getByLabel("Your name").fill("Mary <b>Somerville</b>");
  await page.getByRole("button", { name: "Book" }).click();
  await look(page, way, "4-errors", /Deep dive/);
  if (way.script) assert.equal(await page.evaluate(() => document.activeElement.id), "errors", way.name);
  assert.equal(await page.getByLabel("Your name").inputValue(), "Mary <b>Somerville</b>", way.name);
  await page.getByRole("alert").getByRole("link").click();
  assert.equal(await page.evaluate(() => document.activeElement.id), "email", way.name);
  await page.keyboard.type("mary@example.com");
  await page.getByRole("button", { name: "Book" }).click();
  await look(page, way, "5-booked", /Booked/);
  assert.ok((await page.locator("dl").innerText()).includes("Mary <b>Somerville</b>"), way.name);
  assert.ok((await page.locator("dl").innerText()).includes(label.split(", ")[0]), way.name);

  await page.getByRole("link", { name: "Move to another time" }).click();
  await look(page, way, "6-move", /Move your booking/);
  await page.getByRole("link", { name: "Next week" }).click();
  await page.locator("button[name=start]").last().click();
  await look(page, way, "7-moved", /Booked/);
  await page.getByText("Cancel this booking").click();
  await look(page, way, "8-cancel", /Booked/);
  await page.getByLabel("Reason").fill("The train is late.");
  await page.getByRole("button", { name: "Yes, cancel it" }).click();
  await look(page, way, "9-cancelled", /Cancelled/);

  await page.goto(`${base}/demo/nothing`);
  await look(page, way, "lost", /not here/);
  await page.goto(`${base}/demo/deep-dive?week=2020-01-01&zone=UTC`);
  await look(page, way, "empty", /Deep dive/);
  const [one, other] = [await guest(way), await guest(way)];
  for (const page of [one, other]) await page.goto(`${base}/demo/intro?zone=UTC`);
  const start = await one.locator("button[name=start]").last().getAttribute("value");
  await one.locator(`button[value="${start}"]`).click();
  await other.locator(`button[value="${start}"]`).click();
  await look(other, way, "taken", /just been taken/);
  for (const page of [one, other]) await page.context().close();
  await page.context().close();
}

/** Presses Tab until this is focused, and sees that a reader would see it. */
async function tab(page, selector) {
  for (let pressed = 0; pressed < 400; pressed += 1) {
    await page.keyboard.press("Tab");
    const found = await page.evaluate((wanted) => {
      const element = document.activeElement;
      if (!element.matches(wanted)) return null;
      const outlines = [getComputedStyle(element), getComputedStyle(element, "::after")];
      const box = element.getBoundingClientRect();
      const isShown = box.bottom > 0 && box.top < window.innerHeight;
      return { isSeen: isShown && outlines.some((style) => style.outlineStyle !== "none" && style.outlineWidth !== "0px") };
    }, selector);
    if (found) {
      assert.ok(found.isSeen, `${selector} is focused and nobody sees it`);
      return;
    }
  }
  assert.fail(`no Tab leads to ${selector}`);
}

/** The same without a pointer. */
async function keys(way) {
  const page = await guest(way);
  const press = async (selector, key = "Enter") => {
    await tab(page, selector);
    const gone = page.waitForNavigation();
    await page.keyboard.press(key);
    await gone;
  };
  await page.goto(`${base}/demo`);
  await tab(page, ".skip");
  await press('.offers a[href="/demo/intro"]');
  await page.waitForURL(/zone=America/);
  await tab(page, "#zone");
  await page.keyboard.type("London");
  await press(".zone button");
  assert.match(page.url(), /zone=Europe%2FLondon/);
  await press("a[rel=next]");
  await press("button[name=start]", "Space");
  await tab(page, "#name");
  await page.keyboard.type("Mary Somerville");
  await tab(page, "#email");
  await page.keyboard.type("mary@example.com");
  await press("button.main");
  assert.match(await page.locator("h1").innerText(), /Booked/);
  await press('a.button[href*="/move?"]');
  await press("a[rel=next]");
  await press("button[name=start]");
  assert.match(await page.locator("h1").innerText(), /Booked/);
  await tab(page, "summary");
  await page.keyboard.press("Enter");
  await tab(page, "#reason");
  await press("button.danger");
  assert.match(await page.locator("h1").innerText(), /Cancelled/);
  await page.context().close();
}

try {
  for (const way of WAYS) await walk(way);
  for (const way of WAYS.filter((way) => way.script)) await keys(way);
} finally {
  await browser.close();
}
assert.deepEqual(complaints, []);
console.log("every page, every way");
