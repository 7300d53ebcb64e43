// Shared by the tests: the built page on a static server, and a headless Chromium whose WebGPU computes on the CPU.

import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { extname, join, normalize } from 'node:path';
import { chromium } from 'playwright-core';

/** The folder of the built page. web/test.sh passes it in SHADERPROP_DIST. */
export const dist = process.env.SHADERPROP_DIST ? join(process.env.SHADERPROP_DIST, '/') : new URL('../dist/', import.meta.url).pathname;
const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm', '.svg': 'image/svg+xml', '.gz': 'application/gzip' };

/** Serves the built page, and the extra contents by their paths; resolves to its address. */
export async function serve(extra = {}) {
    const server = createServer(async (request, response) => {
        const path = new URL(request.url, 'http://localhost').pathname;
        const name = path === '/' ? '/index.html' : path;
        try {
            const body = extra[name] ?? (await readFile(join(dist, normalize(name))));
            response.writeHead(200, { 'content-type': types[extname(name)] ?? 'application/octet-stream' }).end(body);
        } catch {
            response.writeHead(404).end();
        }
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { address: `http://localhost:${server.address().port}/`, close: () => server.close() };
}

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);

/** Launches a browser, without a GPU if requested. */
export function launch({ gpu = true } = {}) {
    const switches = gpu ? ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'] : ['--disable-gpu', '--disable-features=WebGPU'];
    return chromium.launch({
        executablePath,
        args: ['--no-sandbox', '--disable-quic', '--disable-background-networking', '--disable-component-update', '--disable-sync', ...switches],
    });
}

/** Opens a page that records all console messages and errors in `said`, so that a test can fail if there are any. */
export async function openPage(browser, options = {}) {
    const context = await browser.newContext({ acceptDownloads: true, ...options });
    const page = await context.newPage();
    const said = [];
    page.on('console', (message) => said.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => said.push(`uncaught: ${error.message}`));
    page.on('requestfailed', (request) => said.push(`failed: ${request.url()}`));
    page.on('response', (response) => response.status() >= 400 && said.push(`${response.status()}: ${response.url()}`));
    return { page, said, close: () => context.close() };
}
