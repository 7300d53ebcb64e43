// The types of shaderprop.js.

export type NumberArray =
    | Float32Array | Float64Array | Int8Array | Uint8Array | Uint8ClampedArray | Int16Array | Uint16Array | Int32Array | Uint32Array | number[];

/** Rows: a list of rows, or all numbers one after the other, row by row. */
export type Rows = NumberArray | NumberArray[];

export type Loss =
    | 'squared_error' | 'mean_squared_error' | 'mean_absolute_error' | 'huber' | 'binary_cross_entropy' | 'categorical_cross_entropy';

export type Metric = 'accuracy' | 'precision' | 'recall' | 'f1' | 'mean_absolute_error' | 'root_mean_squared_error' | 'r_squared';

export type Activation =
    | 'sigmoid' | 'tanh' | 'relu' | 'leaky_relu' | 'elu' | 'gelu' | 'gelu_tanh' | 'silu' | 'softplus' | 'identity' | 'softmax';

export type Init =
    | 'glorot_uniform' | 'glorot_normal' | 'he_uniform' | 'he_normal' | 'lecun_uniform' | 'lecun_normal' | 'pytorch'
    | 'numpy' | 'numpy_by_layer' | 'zeros';

/** What a network is. */
export interface Description {
    /** The columns of its rows. */
    inputs: number;
    /** First to last; `dropout` is from 0 (the default) to below 1. */
    layers: { units: number; activation: Activation; dropout?: number }[];
    /** Where it starts: `glorot_uniform` by default. `numpy` is what `numpy.random.rand` draws after that seed. */
    init?: Init;
    /** From 0 to 4,294,967,295; 0 by default. */
    seed?: number;
}

/** How it is trained. */
export interface Settings {
    /** `mean_squared_error` by default. For `categorical_cross_entropy` targets may be one class index a row. */
    loss?: Loss;
    /** `sgd` by default. */
    optimizer?: 'sgd' | 'momentum' | 'nesterov' | 'rmsprop' | 'adam' | 'adamw';
    /** The optimizer's own by default. */
    learningRate?: number;
    weightDecay?: number;
    clipNorm?: number;
    /** 1 by default. */
    epochs?: number;
    /** All rows by default. */
    batchSize?: number;
    /** Whether each epoch's batches have the rows in another order; true by default. */
    shuffle?: boolean;
    /** Of the order of the rows; 0 by default. */
    seed?: number;
    /** None by default. */
    metrics?: Metric[];
    /** Epochs without improvement after which training stops, with the best weights; never by default. */
    patience?: number;
    /** Log after epoch 1, and then after every so many: 1 by default where there is an `onLog`. */
    logEvery?: number;
    /** Or log about so often, in milliseconds: after the first epoch, the last, and between them. Not beside `logEvery`. */
    logInterval?: number;
    /** Whether a log has the weights; false by default. */
    logWeights?: boolean;
    /** What trains: `auto` by default. */
    engine?: 'auto' | 'staged' | 'fused';
}

export interface Tensor {
    /** `layers.{i}.weight` of shape [in, out], or `layers.{i}.bias`. */
    name: string;
    shape: number[];
    values: Float32Array;
}

/** A log point. */
export interface Log {
    /** Counted from 1 in this call. */
    epoch: number;
    /** Of the weights before the epoch's updates. */
    loss: number;
    learningRate: number;
    metrics: Record<string, number>;
    validationLoss?: number;
    validationMetrics?: Record<string, number>;
    /** With `logWeights`. */
    weights?: Tensor[];
}

export interface History {
    /** Of every epoch of the call. */
    loss: Float64Array;
    metrics: Record<string, Float64Array>;
    validationLoss: Float64Array;
    validationMetrics: Record<string, Float64Array>;
    /** Of the last step. */
    learningRate: number;
    /** Counted from 1; with `patience`. */
    bestEpoch?: number;
    /** Why it ended: all epochs are done, `patience` was out, or `onLog` asked for it. */
    ended: 'finished' | 'early_stopping' | 'asked';
    /** What trained. */
    engine: string;
}

/** One dispatch of an epoch. */
export interface Stage {
    shader: string;
    label: string;
    formula: string;
    /** Its WGSL. */
    source: string;
    inputs: Tensor[];
    outputs: Tensor[];
}

/** What is thrown: its message says what, what was expected, what came, and what to do. */
export interface ShaderpropError extends Error {
    /** Whether the device is of no use any more: open another. */
    needsNewDevice?: boolean;
}

/** A GPU, opened. */
export class Device {
    private constructor();
    /** As the browser names the adapter. */
    readonly name: string;
    /** Gives it back to the browser: whatever uses it is refused from then on. */
    destroy(): void;
}

/** Opens the GPU that the browser gives; it is the first thing to call. */
export function open(): Promise<Device>;

/** A network with weights on a device. One call at a time: another one throws while it trains. */
export class Network {
    /** With a table, the model also has what was fitted of its columns. */
    constructor(device: Device, description: Description, table?: Table);
    readonly inputs: number;
    readonly layers: { units: number; activation: Activation }[];
    /** Weights and biases in all. */
    readonly parameters: number;
    /** The column that it learned and the names of its classes, if it was made for a table. */
    readonly target: string | null;
    readonly classes: string[] | null;
    /** How many epochs it has been trained for, by the calls that have ended. */
    readonly epochs: number;
    /** Trains. Another call goes on where this one stopped. Where `onLog` answers false, it stops there; a promise is awaited. What diverges goes back to
     * the weights of the last log, or of a later epoch that was looked at. */
    fit(
        inputs: Rows,
        targets: Rows,
        settings?: Settings & { onLog?: (log: Log) => void | boolean | Promise<void | boolean>; validationData?: [Rows, Rows] },
    ): Promise<History>;
    /** The outputs for those rows, one after the other. */
    predict(inputs: Rows): Promise<Float32Array>;
    /** The answers for the rows of a CSV table, as they are, with or without the target's column: for a model that was made for a table. Row by row how
     * likely each class is, or a number in the target's units. */
    predictTable(csv: Uint8Array | ArrayBuffer): Promise<Float32Array>;
    /** The loss is `mean_squared_error` by default. A row of `confusion` is a class, a column what it was taken for; it is empty for more than 1,024 classes. */
    evaluate(inputs: Rows, targets: Rows, loss?: Loss): Promise<{ loss: number; accuracy: number; confusion: number[][] }>;
    /** The stages of one epoch, counted from 1 (the default), of a training from here; the network stays as it is. */
    explain(inputs: Rows, targets: Rows, settings?: Settings, epoch?: number): Promise<Stage[]>;
    /** The bytes of a file of that name: `.safetensors`, `.npz`, `.onnx`, `.json` or `.c`. */
    save(name: string): Uint8Array;
    /** From `.safetensors` or `.npz`, of a tab or of the program. */
    static load(device: Device, name: string, bytes: Uint8Array | ArrayBuffer): Network;
    weights(): Tensor[];
    /** Those of these names; the others stay. */
    setWeights(weights: Tensor[]): void;
    predictor(inputs: Rows): Promise<Predictor>;
    /** That table's rows as this network takes them: scaled as those were that it was made for. */
    table(table: Table): Table;
    /** Gives its memory back; the browser does so at some time otherwise. */
    free(): void;
}

/** Rows that stay on the device, predicted with one set of weights after the other, also while the network trains. */
export class Predictor {
    private constructor();
    predict(weights: Tensor[]): Promise<Float32Array>;
    /** First layer to last. */
    activations(weights: Tensor[]): Promise<Float32Array[]>;
    /** Gives its memory back; the browser does so at some time otherwise. */
    free(): void;
}

/** A CSV table as numbers. */
export class Table {
    /** The first row names the columns. The target is the last one by default, and learned as classes if it has words or few whole numbers; a fifth of the
     * rows is held out, of each class as much. */
    constructor(csv: Uint8Array | ArrayBuffer, options?: { target?: string; classes?: boolean; heldOut?: number; seed?: number });
    readonly rows: number;
    readonly columns: string[];
    readonly target: string;
    /** Of a network for it. */
    readonly inputs: number;
    readonly outputs: number;
    readonly classes: string[] | null;
    readonly trainData: [Float32Array, Float32Array];
    readonly testData: [Float32Array, Float32Array] | null;
}

/** Trains a network from that many starts at once, at most 1,000,000, by the seed and those after it: resolves to the last loss of each. It takes no metrics, no
 * logs and no patience. */
export function sweep(
    device: Device,
    description: Description,
    networks: number,
    inputs: Rows,
    targets: Rows,
    settings?: Settings,
): Promise<Float32Array>;
