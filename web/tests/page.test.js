// The page in a headless Chromium: training, pictures, files, and messages if something is wrong.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { dist, launch, openPage, serve } from './browser.js';

const root = new URL('../../', import.meta.url).pathname;
const program = join(root, 'target/release/shaderprop');
/** The losses that the first tutorial prints, at epochs 1, 1001 … 9001. */
const tutorial = JSON.parse(readFileSync(join(root, 'tests/fixtures/xor.json'), 'utf8')).weights_then_biases.losses;
const folder = mkdtempSync(join(tmpdir(), 'shaderprop-web-'));
const patience = { timeout: 60_000 };
writeFileSync(join(folder, 'none.xlsx'), 'PK');

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

/** Opens the page with that query, runs `work` on it, and checks that the console stays empty. */
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

/** The shares of a canvas's pixels that are blue, orange, bright, of the accent's colour, and drawn at all. */
const inked = (page, id) =>
    page.evaluate((id) => {
        const canvas = document.getElementById(id);
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        const counts = { blue: 0, orange: 0, bright: 0, accent: 0, any: 0 };
        for (let i = 0; i < data.length; i += 4) {
            const [r, g, b, a] = data.slice(i, i + 4);
            counts.any += a > 0;
            counts.bright += a > 200 && g > 180;
            counts.accent += a > 200 && g > r + 40 && Math.abs(g - b) < 40;
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
            assert.ok(curve.accent > 0.002, `a curve: ${curve.accent}`);
            assert.ok(boundary.any === 1 && boundary.blue > 0.1 && boundary.orange > 0.1, 'both answers');
            assert.match(await page.textContent('#adapter'), /swiftshader/i);
        });
    });

    test('fits a phone’s width, and has a dark mode', async () => {
        await on('?network=xor&run', async (page) => {
            await trained(page);
            assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390, 'nothing sticks out');
            const [curve, boundary] = [await inked(page, 'curve'), await inked(page, 'boundary')];
            assert.ok(curve.accent > 0.002 && boundary.any === 1);
            assert.ok(curve.bright > 0.001, 'on a dark page the curve is light');
            await page.screenshot({ path: join(folder, 'phone.png'), fullPage: true });
        }, { viewport: { width: 390, height: 800 }, colorScheme: 'dark' });
    });

    test('draws frames while it trains', async () => {
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
            assert.equal((await inked(page, 'curve')).accent, 0, 'no curve yet');
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
            // Uninterrupted training gives the same losses.
            const [stepped, fresh] = await page.evaluate(async () => {
                const { Network } = await import('./shaderprop.js');
                const { device, run } = window.shaderprop;
                const network = new Network(device, run.description);
                const history = await network.fit(run.data.rows, run.data.targets, { ...run.settings, epochs: run.losses.length });
                return [run.losses, Array.from(history.loss)];
            });
            assert.deepEqual(stepped, fresh);
            await page.click('#reset');
            await page.waitForFunction(() => window.shaderprop.run.losses.length === 0, null, patience);
        });
    });

    test('does what was pressed last', async () => {
        await on('?network=moons&epochs=400', async (page) => {
            await page.click('#train');
            await trained(page);
            // A finished run starts again. Buttons pressed in the meantime are not ignored.
            const pressed = async (press) => {
                await page.fill('[name=epochs]', '200000');
                await page.evaluate(press);
                await page.waitForTimeout(100);
                await idle(page);
                assert.equal(await page.isDisabled('#pause'), true);
                return page.evaluate(() => [window.shaderprop.run.chosen, window.shaderprop.run.losses.length]);
            };
            const [, paused] = await pressed(() => { document.getElementById('train').click(); document.getElementById('pause').click(); });
            assert.ok(paused < 2000, `${paused} epochs`);
            assert.deepEqual(await pressed(() => { document.getElementById('train').click(); document.getElementById('reset').click(); }), ['moons', 0]);
            assert.deepEqual(await pressed(() => {
                document.getElementById('train').click();
                const network = document.querySelector('[name=network]');
                network.value = 'circles';
                network.dispatchEvent(new Event('change', { bubbles: true }));
            }), ['circles', 0]);
            assert.match(page.url(), /network=circles/);
        });
    });

    test('ends a diverged run, and reports it', async () => {
        await on('?network=xor&activation=identity&hidden=4,4,4&rate=1e38&epochs=60', async (page) => {
            await page.click('#train');
            assert.match(await problem(page), /training diverged: .+ was .+ by epoch \d+; lower the learning rate/);
            await idle(page);
            assert.equal(await page.textContent('#train'), 'Train again');
            assert.ok(await page.evaluate(() => window.shaderprop.run.weights.every(({ values }) => values.every(Number.isFinite))));
            await page.fill('[name=rate]', '0.1');
            await page.click('#train');
            await trained(page);
            assert.match(await page.textContent('#status'), /Trained 60 epochs/);
        });
    });

    test('works by keyboard', async () => {
        await on('?network=xor&epochs=50', async (page) => {
            await page.focus('#step');
            for (const epochs of [1, 2, 3]) {
                await page.keyboard.press('Enter');
                await page.waitForFunction((epochs) => window.shaderprop.run.losses.length === epochs, epochs, patience);
                await idle(page);
            }
            assert.match(await page.textContent('#status'), /Paused after 3 epochs: loss 0\./);
            await page.focus('[name=rate]');
            await page.keyboard.press('Enter');
            await trained(page);
            assert.match(await page.textContent('#status'), /Trained 50 epochs/);
        });
        await on('?network=digits', async (page) => {
            await page.focus('#draw');
            await page.keyboard.press('Space');
            for (let i = 0; i < 5; i++) await page.keyboard.press('Shift+ArrowDown');
            await page.waitForFunction(() => /It is a \d/.test(document.getElementById('recognised').textContent), null, patience);
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
            // Each start ends like the network of its seed, trained alone.
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
            // A sweep that takes too long can be stopped.
            await page.fill('#starts [name=count]', '65536');
            await page.click('#starts button');
            await page.waitForFunction(() => /Training: [1-9]/.test(document.getElementById('starts-result').textContent), null, patience);
            await page.click('#pause');
            await idle(page);
            assert.match(await page.textContent('#starts-result'), /of [\d,]+ starts solve XOR/);
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

    test('exchanges models with the command', async () => {
        const csv = 'x,y,kind\n' + Array.from({ length: 120 }, (_, i) => {
            const [x, y] = [Math.sin(i * 1.7), Math.cos(i * 2.3)];
            return `${x.toFixed(5)},${y.toFixed(5)},${x * y > 0 ? 'same' : 'other'}`;
        }).join('\n') + '\n';
        const [table, model] = [join(folder, 'table.csv'), join(folder, 'tab.safetensors')];
        writeFileSync(table, csv);
        await on('', async (page) => {
            await page.setInputFiles('#file', table);
            await page.waitForFunction(() => /target “kind” \(2 classes\) from/.test(document.getElementById('opened').textContent), null, patience);
            await idle(page);
            await page.click('#train');
            await trained(page);
            for (const name of ['model.safetensors', 'model.onnx']) {
                const [download] = await Promise.all([page.waitForEvent('download'), page.click(`[data-save="${name}"]`)]);
                await download.saveAs(name === 'model.safetensors' ? model : join(folder, name));
            }
            assert.ok(readFileSync(join(folder, 'model.onnx')).length > 500);
            // The page and the command predict the same for the same rows.
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
            // In the other direction: a model of the same shape that the command has trained.
            const native = join(folder, 'native.safetensors');
            execFileSync(program, ['train', table, '--hidden', '16', '--epochs', '50', '--out', native, '--device', 'software'], { stdio: 'pipe' });
            await same(native);
            await page.setInputFiles('#file', native);
            await page.waitForFunction(() => /native.safetensors: 16-2/.test(document.getElementById('opened').textContent), null, patience);
            await idle(page);
        });
    });

    test('continues a model on another table with the model’s own scales', async () => {
        const rows = (scale) => 'x,y,z\n' + [0.1, 0.9, 0.4, 0.7, 0.2, 0.5].map((x, i) => `${x * scale},${((i * 37) % 10) * scale},${(x + 0.05 * i) * scale}`).join('\n') + '\n';
        const [small, big] = ['small.csv', 'big.csv'].map((name, i) => {
            writeFileSync(join(folder, name), rows(i ? 100 : 1));
            return join(folder, name);
        });
        await on('', async (page) => {
            const opened = async (file, words) => {
                await page.setInputFiles('#file', file);
                await page.waitForFunction((words) => new RegExp(words).test(document.getElementById('opened').textContent), words, patience);
                await idle(page);
            };
            await opened(small, 'small.csv: 6 rows; target “z” \\(numbers\\) from x, y .*first row names the columns; no rows are held out');
            assert.match(page.url(), /network=csv/);
            await page.click('#train');
            await trained(page);
            const [download] = await Promise.all([page.waitForEvent('download'), page.click('[data-save="model.safetensors"]')]);
            const model = join(folder, 'small.safetensors');
            await download.saveAs(model);
            await opened(big, 'big.csv');
            await opened(model, 'small.safetensors: 16-1');
            // The table's rows are scaled with the model's preprocessing, and its predictions are in the target's
            // units.
            const { scaled, answers, range } = await page.evaluate(async (csv) => {
                const { network, data } = window.shaderprop.run;
                return { scaled: Array.from(await network.predict(data.rows)), answers: Array.from(await network.predictTable(new TextEncoder().encode(csv))), range: Array.from(data.rows) };
            }, readFileSync(big, 'utf8'));
            assert.ok(Math.max(...range) > 30, 'rows far from those that the model was made for');
            // Predictions are a linear function of the network's outputs: z = scale * y + shift, of the small table.
            const z = [0.1, 0.95, 0.5, 0.85, 0.4, 0.75];
            const mean = z.reduce((sum, value) => sum + value) / 6;
            const spread = Math.sqrt(z.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 6);
            answers.forEach((answer, i) => assert.ok(Math.abs(answer - (scaled[i] * spread + mean)) < 1e-3 * Math.max(1, Math.abs(answer)), `${answer}, ${scaled[i]}`));
            // Training continues from there.
            await page.fill('[name=epochs]', '5');
            for (const epochs of [205, 210]) {
                await page.click('#train');
                await page.waitForFunction((epochs) => window.shaderprop.run.network.epochs === epochs, epochs, patience);
                await idle(page);
            }
            assert.equal(await page.evaluate(() => window.shaderprop.run.losses.length), 10);
            await page.setInputFiles('#file', join(folder, 'none.xlsx'));
            assert.match(await problem(page), /none.xlsx: not a table \(.*\) or a model/);
        });
    });
});

describe('errors are reported, and the page still works', { timeout: 300_000 }, () => {
    test('files that cannot be read', async () => {
        const bad = join(folder, 'bad.csv');
        writeFileSync(bad, 'a,b\n1,2\n3\n');
        const old = join(folder, 'old.safetensors');
        writeFileSync(old, Buffer.concat([Buffer.from([16, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{"__metadata__":')]));
        await on('?network=xor', async (page) => {
            for (const [file, words] of [[bad, /1 cell in line 3/], [old, /safetensors|header/]]) {
                await page.setInputFiles('#file', file);
                assert.match(await problem(page), words);
                await idle(page);
            }
            await page.click('#train');
            await trained(page);
        });
    });

    test('invalid settings, and a network that is too large', async () => {
        await on('?network=moons', async (page) => {
            for (const [name, value, words] of [
                ['hidden', 'many', /hidden layers: expected numbers/],
                ['hidden', '90000, 90000', /too large|at most|limit/i],
                ['hidden', '0', /hidden layers: expected numbers/],
            ]) {
                const before = await page.inputValue(`[name=${name}]`);
                await page.fill(`[name=${name}]`, value);
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

    test('a lost device: training continues from the last known weights', async () => {
        await on('?network=moons&pace=slow', async (page) => {
            await page.click('#train');
            await page.waitForFunction(() => Number(document.getElementById('epoch').textContent.replace(',', '')) > 300, null, patience);
            // Changes to the form in the meantime are for the next network.
            await page.fill('[name=hidden]', '3');
            const seen = await page.evaluate(() => {
                window.shaderprop.device.destroy();
                return Number(document.getElementById('loss').textContent);
            });
            assert.match(await problem(page), /lost.*continues from the last known weights/);
            // It continues by itself. The logged epochs are not trained again, and the loss continues from its last
            // value.
            await trained(page);
            const { epochs, next, last, units } = await page.evaluate(() => {
                const { losses, network } = window.shaderprop.run;
                return { epochs: losses.length, next: losses.find((loss) => !Number.isNaN(loss)), last: losses.at(-1), units: network.layers[0].units };
            });
            assert.deepEqual([epochs, units], [1500, 8]);
            assert.ok(Math.abs(next - seen) < 0.2 * seen, `from ${seen} on: ${next}`);
            assert.ok(last < seen, `from ${seen} to ${last}`);
            assert.match(await page.textContent('#problem'), /lost/, 'the message is still shown');
        });
    });

    test('a lost device while nothing trains', async () => {
        await on('?network=moons&epochs=200', async (page) => {
            await page.click('#train');
            await trained(page);
            const before = await page.evaluate(() => window.shaderprop.run.weights.map(({ values }) => Array.from(values)));
            await page.evaluate(() => window.shaderprop.device.destroy());
            await page.click('#explain button');
            assert.match(await problem(page), /lost.*last known weights; press the button again/);
            await idle(page);
            assert.deepEqual(await page.evaluate(() => window.shaderprop.run.weights.map(({ values }) => Array.from(values))), before);
            await page.click('#explain button');
            await page.waitForSelector('#stages li', patience);
        });
    });

    test('invalid addresses', async () => {
        for (const [query, words] of [
            ['?network=constructor&hidden=5', /the address: no data "constructor" here/],
            ['?network=csv&loss=categorical_cross_entropy&batch=32', /open the CSV file again/],
            ['?hidden=0', /hidden layers: expected numbers/],
            ['?seed=-1', /the seed: expected a whole number from 0 to 4294967295, got -1$/],
        ]) {
            await on(query, async (page) => {
                assert.match(await problem(page), words);
                await idle(page);
                const empty = /hidden=0|seed/.test(query);
                assert.equal(await page.isDisabled('#explain button'), empty, 'whether there is something to show');
                if (empty) {
                    await page.fill('[name=hidden]', '2');
                    await page.fill('[name=seed]', '1');
                }
                await page.fill('[name=epochs]', '20');
                await page.click('#train');
                await trained(page);
            });
        }
    });

    test('calls with invalid arguments', async () => {
        await on('?network=xor', async (page) => {
            const said = await page.evaluate(async () => {
                const { Network, Table, sweep } = await import('./shaderprop.js');
                const { device } = window.shaderprop;
                const description = { inputs: 2, layers: [{ units: 3, activation: 'tanh' }, { units: 3, activation: 'softmax' }] };
                const network = new Network(device, description);
                const rows = [[0, 1], [1, 1]];
                const predictor = await network.predictor(rows);
                const csv = new TextEncoder().encode('a,b\n1,2\n');
                const freed = new Network(device, description);
                freed.free();
                const all = [
                    () => network.predict([[1, 2, 3, 4]]),
                    () => network.predict([[0, 0], [0, 1, 1]]),
                    () => network.predict([0, 1, 1]),
                    () => network.predict([['0', 1]]),
                    () => network.predict(undefined),
                    () => network.fit(rows, [[1, 2], [3, 4]]),
                    () => network.fit(rows, [0, 1], { loss: 'categorical_cross_entropy', learningRate: NaN }),
                    () => network.fit(rows, [0, 1], { loss: 'categorical_cross_entropy', epochs: 2.5 }),
                    () => network.fit(rows, [0, 1], { loss: 'categorical_cross_entropy', learning_rate: 0.1 }),
                    () => network.fit(rows, [0, 1], { loss: 'categorical_cross_entropy', logInterval: -5 }),
                    () => network.fit(rows, [0, 1], { loss: 'mse' }),
                    () => network.fit(rows, [0, 1], { validationData: [rows] }),
                    () => network.setWeights(),
                    () => network.setWeights([{ name: 'layers.0.weight' }]),
                    () => predictor.predict(undefined),
                    () => Promise.all([predictor.predict(network.weights()), predictor.predict(network.weights())]),
                    () => network.explain(rows, [0, 1], {}, -1),
                    () => network.predictTable(csv),
                    () => new Table('a,b'),
                    () => new Network(device, { inputs: 2, layers: [{ units: 2 }] }),
                    () => new Network(device, null),
                    () => sweep(device, description, 1e8, rows, [0, 1], { loss: 'categorical_cross_entropy' }),
                    () => sweep(device, description, -1, rows, [0, 1]),
                    () => freed.weights(),
                ];
                const said = [];
                for (const call of all) {
                    said.push(await Promise.resolve().then(call).then(() => 'nothing', (error) => error.message));
                }
                // The network still works.
                const losses = [];
                const { loss, ended } = await network.fit(rows, [0, 1], { loss: 'categorical_cross_entropy', epochs: 5, onLog: (log) => { losses.push(log.loss); } });
                const swept = await sweep(device, description, 1, rows, [0, 1], { loss: 'categorical_cross_entropy', epochs: 5 });
                const typed = await network.predict([new Float64Array([0, 1]), new Uint8Array([1, 1])]);
                const plain = await network.predict(rows);
                return { said, losses, loss: Array.from(loss), ended, swept: swept[0], typed: Array.from(typed), plain: Array.from(plain), epochs: network.epochs };
            });
            for (const message of said.said) {
                assert.match(message, /^.+(: expected .+, got .+| was freed| is predicting|: missing field .+); .+/, 'it says what is wrong and what to do');
            }
            assert.match(said.said[7], /^settings\.epochs: expected a whole number from 0 to 4294967295, got floating point `2\.5`/);
            assert.match(said.said[8], /learning_rate/);
            assert.deepEqual(said.losses, said.loss, 'a log after each epoch');
            assert.equal(said.ended, 'finished');
            assert.equal(said.epochs, 5);
            assert.ok(Math.abs(said.swept - said.loss.at(-1)) < 1e-6);
            assert.deepEqual(said.typed, said.plain);
        });
    });

    test('no WebGPU', async () => {
        const without = await launch({ gpu: false });
        try {
            const { page, said } = await openPage(without);
            await page.addInitScript(() => Object.defineProperty(Navigator.prototype, 'gpu', { get: () => undefined }));
            await page.goto(server.address);
            assert.match(await problem(page), /no WebGPU: open .*current Chrome/);
            assert.deepEqual(said, []);
        } finally {
            await without.close();
        }
    });
});

test('the page’s download is small', () => {
    const files = readdirSync(dist).filter((name) => /\.(js|wasm)$/.test(name));
    const bytes = files.reduce((sum, name) => sum + gzipSync(readFileSync(join(dist, name)), { level: 9 }).length, 0);
    console.log(`wasm and JavaScript: ${bytes} bytes gzipped`);
    assert.ok(bytes < 700_000);
});
