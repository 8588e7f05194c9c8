import { existsSync, readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

const SITE = "docs/.vitepress/dist";
const CHROMIUM = "/usr/bin/chromium";
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".json": "application/json",
  ".woff2": "font/woff2",
};

const files = readdirSync(SITE, { recursive: true, encoding: "utf8" });
const pages = files.filter((file) => file.endsWith(".html") && file !== "404.html");
const addressOf = (file: string): string => `/${file.replace(/(^|\/)index\.html$/, "$1").replace(/\.html$/, "")}`;

/** The file that a web server with clean addresses answers; undefined where there is none. */
function fileOf(address: string): string | undefined {
  const path = join(SITE, decodeURIComponent(address));
  return [path, `${path}.html`, join(path, "index.html")].find((file) => extname(file) !== "" && existsSync(file));
}

describe("the built site", () => {
  it("has every page of the documentation, and one for each example", () => {
    const addresses = new Set(pages.map(addressOf));
    for (const page of [
      "/",
      "/getting-started",
      "/how-to/proxy",
      "/reference/",
      "/examples/worker",
      "/project/changelog",
    ]) {
      expect(addresses).toContain(page);
    }
    expect(addresses.size).toBeGreaterThan(30);
  });

  it("leads somewhere: every link, and its anchor", () => {
    const html = new Map(pages.map((page) => [join(SITE, page), readFileSync(join(SITE, page), "utf8")]));
    const broken: string[] = [];
    let checked = 0;
    for (const page of pages) {
      for (const [, href = ""] of html.get(join(SITE, page))!.matchAll(/<a [^>]*?href="([^"]+)"/g)) {
        if (/^[a-z]+:/.test(href)) continue;
        checked += 1;
        const { pathname, hash } = new URL(href, `http://site${addressOf(page)}`);
        const file = fileOf(pathname);
        const id = decodeURIComponent(hash.slice(1));
        if (!file || (id && !html.get(file)?.includes(` id="${id}"`))) broken.push(`${page}: ${href}`);
      }
    }
    expect(broken).toEqual([]);
    expect(checked).toBeGreaterThan(300);
  });
});

describe.skipIf(!existsSync(CHROMIUM))("the built site, in Chromium", () => {
  const server = createServer(async ({ url = "/" }, response) => {
    const file = fileOf(new URL(url, "http://site").pathname);
    if (!file) return response.writeHead(404).end();
    return response.writeHead(200, { "Content-Type": TYPES[extname(file)] }).end(await readFile(file));
  });
  let browser: Browser;
  let site: string;

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    site = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"];
    const quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"];
    browser = await chromium.launch({ executablePath: CHROMIUM, args: [...args, ...quiet] });
  });
  afterAll(async () => {
    await browser.close();
    server.closeAllConnections();
    server.close();
  });

  // Of the pages' own console.
  const complaints: string[] = [];
  afterEach(() => expect(complaints.splice(0)).toEqual([]));

  const open = async (address: string, size = { width: 1280, height: 900 }): Promise<Page> => {
    const page = await browser.newPage({ viewport: size, permissions: ["clipboard-read", "clipboard-write"] });
    page.on("pageerror", (error) => complaints.push(`${address}: ${error.message}`));
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(`${address}: ${message.text()}`);
    });
    await page.goto(site + address, { waitUntil: "networkidle" });
    return page;
  };

  it("goes from page to page by the sidebar and the table of contents", async () => {
    const page = await open("/getting-started");
    await page.locator(".VPSidebar").getByRole("link", { name: "Work behind a proxy" }).click();
    await page.getByRole("heading", { level: 1, name: "Work behind a proxy" }).waitFor();
    await page
      .locator(".VPDocAsideOutline")
      .getByRole("link", { name: /^STS: through/ })
      .click();
    await page.waitForURL(/\/how-to\/proxy#sts-through/);
    await page.close();
  });

  it("finds an error's code, and the text of an error that people paste", async () => {
    const page = await open("/");
    // The results of an older search stay for a moment: the first result is clicked when it has the text.
    const search = async (text: string): Promise<void> => {
      await page.keyboard.press("Control+k");
      await page.locator("#localsearch-input").fill(text);
      await page.locator(".VPLocalSearchBox .result").first().filter({ hasText: text }).click();
    };
    await search("STS_ACCESS_DENIED");
    await page.waitForURL(/troubleshooting#sts_access_denied/);
    await search("Could not load credentials from any providers");
    await page.waitForURL(/troubleshooting#could-not-load-credentials/);
    await page.close();
  });

  it("is dark where the reader wants it dark, diagrams too, and stays so", async () => {
    const page = await open("/architecture");
    const look = () =>
      page.evaluate(() => ({
        background: getComputedStyle(document.body).backgroundColor,
        diagrams: [...document.querySelectorAll(".mermaid-diagram")].map(({ innerHTML }) => innerHTML.length > 1_000),
        node: getComputedStyle(document.querySelector(".mermaid-diagram .node rect") ?? document.body).fill,
      }));
    // Diagrams are drawn after the page is there.
    await expect.poll(async () => (await look()).diagrams, { timeout: 20_000 }).toEqual([true, true]);
    const light = await look();
    await page.locator(".VPNavBarAppearance button").click();
    await expect.poll(async () => (await look()).node, { timeout: 20_000 }).not.toBe(light.node);
    await expect.poll(async () => (await look()).diagrams, { timeout: 20_000 }).toEqual([true, true]);
    const dark = await look();
    expect([light.background, dark.background]).toEqual(["rgb(255, 255, 255)", "rgb(27, 27, 31)"]);
    await page.reload();
    expect((await look()).background).toBe(dark.background);
    await page.close();
  });

  it("copies a block of code by its button", async () => {
    const page = await open("/getting-started");
    const copied = async (block: string): Promise<string> => {
      await page.locator(block).first().hover();
      await page.locator(`${block} button.copy`).first().click();
      return page.evaluate(() => navigator.clipboard.readText());
    };
    expect(await copied("div.language-sh")).toMatch(
      /^export PROJECT_ID=example-project\n[\s\S]*AWS_REGION=ap-northeast-2\nexport AWS_PAGER=$/,
    );
    expect(await copied("div.language-docker")).toMatch(/^FROM node:22-slim\n/);
    await page.close();
  });

  it("can be read on a phone: no page is wider than its screen, and the menu opens", async () => {
    const wide: string[] = [];
    const page = await open("/", { width: 375, height: 667 });
    for (const file of pages) {
      await page.goto(site + addressOf(file), { waitUntil: "load" });
      if (await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth)) wide.push(file);
    }
    expect(wide).toEqual([]);
    await page.goto(`${site}/security`);
    await page.getByRole("button", { name: "Menu" }).click();
    await page.locator(".VPSidebar").getByRole("link", { name: "Migrating" }).click();
    await page.getByRole("heading", { level: 1, name: "Migrating" }).waitFor();
    await page.close();
  }, 150_000);
});
