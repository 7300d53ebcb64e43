// The page in a headless Chromium: what it trains, shows, saves and says when something is wrong.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { launch, openPage, serve } from './browser.js';

const root = new URL('../../', import.meta.url).pathname;
const program = join(root, 'target/release/shaderprop');
/** What the first tutorial prints, of epochs 1, 1001 … 9001. */
const tutorial = JSON.parse(readFileSync(join(root, 'tests/fixtures/xor.json'), 'utf8')).weights_then_biases.losses;
const folder = mkdtempSync(join(tmpdir(), 'shaderprop-web-'));
const patience = { timeout: 60_000 };

let server;
let browser;
before(async () => {
    server = await serve();
    browser = await launch();
});
after(async () => {
    await browser?.close();
    server?.close();
});

/** Opens the page with that query, does something, and asks that its console stayed empty. */
async function on(query, work, options) {
    const { page, said, close } = await openPage(browser, { viewport: { width: 1280, height: 900 }, ...options });
    try {
        await page.goto(server.address + query);
        await page.waitForFunction(() => !document.getElementById('train').disabled || !document.getElementById('problem').hidden, null, patience);
        const result = await work(page);
        assert.deepEqual(said, [], 'the console is empty');
        return result;
    } finally {
        await close();
    }
}

const idle = (page) => page.waitForFunction(() => !document.getElementById('train').disabled, null, patience);
const trained = (page) => page.waitForFunction(() => window.shaderprop?.run?.finished, null, patience).then(() => idle(page));
const problem = (page) => page.waitForSelector('#problem:not([hidden])', patience).then(() => page.textContent('#problem'));

/** The shares of a canvas's pixels that are blue, orange, bright, and anything at all. */
const inked = (page, id) =>
    page.evaluate((id) => {
        const canvas = document.getElementById(id);
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        const counts = { blue: 0, orange: 0, bright: 0, any: 0 };
        for (let i = 0; i < data.length; i += 4) {
            const [r, g, b, a] = data.slice(i, i + 4);
            counts.any += a > 0;
            counts.bright += a > 200 && g > 180;
            counts.blue += a > 0 && b > r + 40;
            counts.orange += a > 0 && r > b + 40;
        }
        return Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, (4 * count) / data.length]));
    }, id);

describe('the page', { timeout: 600_000 }, () => {
    test('trains the first tutorial and shows its losses', async () => {
        await on('?network=xor&run', async (page) => {
            await trained(page);
            const lines = (await page.innerText('#losses tbody')).trim().split('\n').map((line) => line.split(/\s+/));
            const expected = tutorial;
            assert.equal(lines.length, 10);
            lines.forEach(([, epoch, loss], i) => {
                assert.equal(Number(epoch), 1 + 1000 * i);
                assert.ok(Math.abs(Number(loss) - expected[epoch]) <= 1e-4, `epoch ${epoch}: ${loss}, the tutorial says ${expected[epoch]}`);
                assert.ok(loss.replace(/^0\.0*/, '').length >= 7, `${loss} has seven digits`);
            });
            const [curve, boundary] = [await inked(page, 'curve'), await inked(page, 'boundary')];
            assert.ok(curve.any > 0.005, 'a curve');
            assert.ok(boundary.any === 1 && boundary.blue > 0.1 && boundary.orange > 0.1, 'both answers');
            assert.match(await page.textContent('#adapter'), /swiftshader/i);
        });
    });

    test('is there at a phone’s width too, in dark', async () => {
        await on('?network=xor&run', async (page) => {
            await trained(page);
            assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390, 'nothing sticks out');
            const [curve, boundary] = [await inked(page, 'curve'), await inked(page, 'boundary')];
            assert.ok(curve.any > 0.005 && boundary.any === 1);
            assert.ok(curve.bright > 0.001, 'on a dark page the curve is light');
            await page.screenshot({ path: join(folder, 'phone.png'), fullPage: true });
        }, { viewport: { width: 390, height: 800 }, colorScheme: 'dark' });
    });

    test('leaves the page its frames while it trains', async () => {
        await on('?network=spirals&epochs=20000', async (page) => {
            const gaps = await page.evaluate(async () => {
                const gaps = [];
                let last = performance.now();
                let on = true;
                const note = (now) => {
                    gaps.push(now - last);
                    last = now;
                    if (on) requestAnimationFrame(note);
                };
                document.getElementById('settings').requestSubmit();
                requestAnimationFrame(note);
                await new Promise((resolve) => setTimeout(resolve, 5000));
                on = false;
                document.getElementById('pause').click();
                return gaps.slice(1).sort((a, b) => a - b);
            });
            const [usual, longest] = [gaps[Math.floor(0.95 * gaps.length)], gaps.at(-1)];
            console.log(`frames: ${gaps.length}, 95 % within ${usual.toFixed(1)} ms, the longest ${longest.toFixed(1)} ms`);
            assert.ok(gaps.length > 60, 'there were frames');
            await idle(page);
            assert.ok((await page.evaluate(() => window.shaderprop.run.losses.length)) > 0);
        });
    });

    test('pauses, steps, resets, and keeps its settings in the address', async () => {
        await on('?network=moons&hidden=6&rate=0.03', async (page) => {
            await page.selectOption('[name=pace]', 'slow');
            assert.match(page.url(), /hidden=6/);
            assert.match(page.url(), /pace=slow/);
            await page.click('#train');
            await page.waitForFunction(() => Number(document.getElementById('epoch').textContent.replace(',', '')) > 20, null, patience);
            await page.click('#pause');
            await idle(page);
            const paused = await page.evaluate(() => window.shaderprop.run.losses.length);
            assert.ok(paused > 20 && paused < 1500);
            await page.click('#step');
            await page.waitForFunction((paused) => window.shaderprop.run.losses.length === paused + 1, paused, patience);
            await idle(page);
            // In one go it would have come to the same.
            const [stepped, fresh] = await page.evaluate(async () => {
                const { Network } = await import('./shaderprop.js');
                const { device, run } = window.shaderprop;
                const network = new Network(device, run.description);
                const history = await network.fit(run.data.rows, run.data.targets, { ...run.settings, epochs: run.losses.length });
                return [run.losses, history.loss];
            });
            assert.deepEqual(stepped, fresh);
            await page.click('#reset');
            await page.waitForFunction(() => window.shaderprop.run.losses.length === 0, null, patience);
        });
    });

    test('shows an epoch stage by stage', async () => {
        await on('?network=xor', async (page) => {
            await page.click('#explain button');
            await page.waitForSelector('#stages li', patience);
            const labels = await page.locator('#stages summary').allTextContents();
            assert.ok(labels.length >= 10, `${labels.length} stages`);
            assert.match(labels[0], /matmul\.wgsl/);
            assert.match(await page.textContent('#stages li:first-child pre'), /@compute/);
            assert.match(await page.textContent('#stages'), /0\.37454012/, 'the tutorial’s first weight');
            assert.match(await page.textContent('#stages'), /0\.2879748/, 'and its first loss');
        });
    });

    test('trains XOR from many starts', async () => {
        await on('?network=xor', async (page) => {
            await page.fill('#starts [name=count]', '200');
            await page.click('#starts button');
            await page.waitForFunction(() => /solve XOR/.test(document.getElementById('starts-result').textContent), null, patience);
            const solved = Number((await page.textContent('#starts-result')).match(/^(\d+) of 200/)[1]);
            assert.ok(solved > 100 && solved < 200, `${solved} of 200`);
            // Each is the network of its seed, trained alone.
            const [together, alone] = await page.evaluate(async () => {
                const { Network, sweep } = await import('./shaderprop.js');
                const { device, run: { description, data, settings } } = window.shaderprop;
                const fit = { ...settings, epochs: 2000 };
                const alone = [];
                for (const seed of [42, 43, 44]) {
                    const { loss } = await new Network(device, { ...description, seed }).fit(data.rows, data.targets, fit);
                    alone.push(loss.at(-1));
                }
                return [Array.from(await sweep(device, description, 3, data.rows, data.targets, fit)), alone];
            });
            assert.deepEqual(together, alone);
        });
    });

    test('learns the digits, and recognises one', async () => {
        await on('?network=digits&run', async (page) => {
            await trained(page);
            await page.waitForFunction(() => /%/.test(document.getElementById('accuracy').textContent), null, patience);
            const accuracy = parseFloat(await page.textContent('#accuracy'));
            console.log(`digits: ${accuracy} % of those held out`);
            assert.ok(accuracy >= 95, `${accuracy} %`);
            const box = await page.locator('#draw').boundingBox();
            await page.locator('#draw').scrollIntoViewIfNeeded();
            const { x, y } = await page.locator('#draw').boundingBox();
            await page.mouse.move(x + box.width / 2, y + 20);
            await page.mouse.down();
            for (let i = 0; i <= 40; i++) {
                const angle = (2 * Math.PI * i) / 40;
                await page.mouse.move(x + box.width / 2 + 45 * Math.sin(angle), y + box.height / 2 - 70 * Math.cos(angle));
            }
            await page.mouse.up();
            await page.waitForFunction(() => /It is a/.test(document.getElementById('recognised').textContent), null, patience);
            assert.match(await page.textContent('#recognised'), /It is a 0/);
        });
    });

    test('models go to the program and come back', async () => {
        const csv = 'x,y,kind\n' + Array.from({ length: 120 }, (_, i) => {
            const [x, y] = [Math.sin(i * 1.7), Math.cos(i * 2.3)];
            return `${x.toFixed(5)},${y.toFixed(5)},${x * y > 0 ? 'same' : 'other'}`;
        }).join('\n') + '\n';
        const [table, model] = [join(folder, 'table.csv'), join(folder, 'tab.safetensors')];
        writeFileSync(table, csv);
        await on('', async (page) => {
            await page.setInputFiles('#file', table);
            await page.waitForFunction(() => /learns “kind” \(2 classes\)/.test(document.getElementById('opened').textContent), null, patience);
            await idle(page);
            await page.click('#train');
            await trained(page);
            for (const name of ['model.safetensors', 'model.onnx']) {
                const [download] = await Promise.all([page.waitForEvent('download'), page.click(`[data-save="${name}"]`)]);
                await download.saveAs(name === 'model.safetensors' ? model : join(folder, name));
            }
            assert.ok(readFileSync(join(folder, 'model.onnx')).length > 500);
            // The same rows, here and in the program.
            const same = async (file) => {
                const printed = execFileSync(program, ['predict', file, table, '--device', 'software'], { encoding: 'utf8', stdio: 'pipe' });
                const there = printed.trim().split('\n').slice(1).flatMap((line) => line.split(',').slice(-2).map(Number));
                const here = await page.evaluate(async ([bytes, csv]) => {
                    const { Network } = await import('./shaderprop.js');
                    const network = Network.load(window.shaderprop.device, 'model.safetensors', Uint8Array.from(bytes));
                    return Array.from(await network.predictTable(new TextEncoder().encode(csv)));
                }, [[...readFileSync(file)], csv]);
                assert.equal(here.length, 240);
                here.forEach((share, i) => assert.ok(Math.abs(share - there[i]) <= 1e-5, `output ${i}: ${share}, in the program ${there[i]}`));
            };
            await same(model);
            // And back, after the program has trained one of the same shape.
            const native = join(folder, 'native.safetensors');
            execFileSync(program, ['train', table, '--hidden', '16', '--epochs', '50', '--out', native, '--device', 'software'], { stdio: 'pipe' });
            await same(native);
            await page.setInputFiles('#file', native);
            await page.waitForFunction(() => /native.safetensors: 16-2/.test(document.getElementById('opened').textContent), null, patience);
            await idle(page);
        });
    });
});

describe('what is wrong is said, and the page still works', { timeout: 300_000 }, () => {
    test('a file that is none', async () => {
        const bad = join(folder, 'bad.csv');
        writeFileSync(bad, 'a,a\n1,2\n');
        const old = join(folder, 'old.safetensors');
        writeFileSync(old, Buffer.concat([Buffer.from([16, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{"__metadata__":')]));
        await on('?network=xor', async (page) => {
            for (const [file, words] of [[bad, /column|table/], [old, /safetensors|header/]]) {
                await page.setInputFiles('#file', file);
                assert.match(await problem(page), words);
                await idle(page);
            }
            await page.click('#train');
            await trained(page);
        });
    });

    test('settings without meaning, and a network that is too large', async () => {
        await on('?network=moons', async (page) => {
            for (const [name, value, words] of [
                ['hidden', 'many', /hidden layers: expected numbers/],
                ['hidden', '90000, 90000', /too large|at most|limit/i],
                ['rate', '-1', /learning/],
            ]) {
                const before = await page.inputValue(`[name=${name}]`);
                await page.fill(`[name=${name}]`, value);
                await page.evaluate(() => document.getElementById('settings').setAttribute('novalidate', ''));
                await page.click('#train');
                assert.match(await problem(page), words);
                await idle(page);
                await page.fill(`[name=${name}]`, before);
            }
            await page.fill('[name=epochs]', '50');
            await page.click('#train');
            await trained(page);
        });
    });

    test('a lost device: training goes on from what was seen last', async () => {
        await on('?network=moons&pace=slow', async (page) => {
            await page.click('#train');
            await page.waitForFunction(() => Number(document.getElementById('epoch').textContent.replace(',', '')) > 20, null, patience);
            const seen = await page.evaluate(() => {
                window.shaderprop.device.destroy();
                return window.shaderprop.run.weights.map(({ values }) => Array.from(values));
            });
            assert.match(await problem(page), /lost.*goes on from the last weights/);
            // By itself: the epochs that were seen are not trained again, and the loss goes on where it was.
            await trained(page);
            const { epochs, first, last } = await page.evaluate(() => {
                const { losses, points } = window.shaderprop.run;
                return { epochs: losses.length, first: points[0][1], last: losses.at(-1) };
            });
            assert.equal(epochs, 1500);
            assert.ok(last < first / 4, `from ${first} to ${last}`);
            assert.ok(seen.flat().length > 0, 'there was something to go on from');
            assert.match(await page.textContent('#problem'), /lost/, 'it still says so');
        });
    });

    test('no WebGPU', async () => {
        const without = await launch({ gpu: false });
        try {
            const { page, said } = await openPage(without);
            await page.addInitScript(() => Object.defineProperty(Navigator.prototype, 'gpu', { get: () => undefined }));
            await page.goto(server.address);
            assert.match(await problem(page), /no WebGPU: expected .*current Chrome/);
            assert.deepEqual(said, []);
        } finally {
            await without.close();
        }
    });
});

test('what a page loads is small', () => {
    const dist = new URL('../dist/', import.meta.url).pathname;
    const files = readdirSync(dist).filter((name) => /\.(js|wasm)$/.test(name));
    const bytes = files.reduce((sum, name) => sum + gzipSync(readFileSync(join(dist, name)), { level: 9 }).length, 0);
    console.log(`wasm and JavaScript: ${bytes} bytes gzipped`);
    assert.ok(bytes < 700_000);
});
