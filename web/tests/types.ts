// Makes every call in shaderprop.d.ts, as a user's page would. It is compiled, not run.

import { Network, Table, open, sweep, type Description, type History, type Log, type Predictor, type Stage, type Tensor } from '../shaderprop.js';

export async function everything(csv: Uint8Array): Promise<number> {
    const device = await open();
    const description: Description = { inputs: 2, layers: [{ units: 3, activation: 'tanh', dropout: 0.1 }, { units: 1, activation: 'sigmoid' }], init: 'numpy', seed: 1 };
    const network = new Network(device, description);
    const rows = [[0, 1], new Float32Array(2)];
    const history: History = await network.fit(rows, new Float64Array(2), {
        loss: 'huber', optimizer: 'adam', metrics: ['r_squared'], epochs: 2, validationData: [rows, [0, 1]],
        onLog: async (log: Log) => log.weights === undefined || log.loss > 0,
    });
    const outputs: Float32Array = await network.predict(rows);
    const { confusion } = await network.evaluate(rows, [0, 1], 'mean_squared_error');
    const stages: Stage[] = await network.explain(rows, [0, 1]);
    const weights: Tensor[] = network.weights();
    network.setWeights(weights);
    const predictor: Predictor = await network.predictor(rows);
    const layers: Float32Array[] = await predictor.activations(weights);
    predictor.free();
    const table = new Table(csv, { target: 'kind', heldOut: 0 });
    const made = new Network(device, description, table);
    const loaded = Network.load(device, 'model.npz', made.save('model.npz'));
    const [inputs] = loaded.table(table).trainData;
    const answers = await loaded.predictTable(csv);
    const losses = await sweep(device, description, 3, inputs, [0], { epochs: 5 });
    // @ts-expect-error: there is no such loss.
    await network.fit(rows, [0, 1], { loss: 'mse' });
    // @ts-expect-error: there is no such setting.
    await network.fit(rows, [0, 1], { learning_rate: 0.1 });
    made.free();
    device.destroy();
    return losses.length + answers.length + layers.length + stages.length + confusion.length + outputs.length + (history.bestEpoch ?? 0);
}
