"""4,096 XOR networks trained for 10,000 epochs on the CPU, as benches/sweep.rs trains them: `population.py jax` or
`population.py torch [EPOCHS]`.

Prints the network-epochs per second of the training alone, without compiling."""
import sys
import time

import numpy as np

NETWORKS, EPOCHS = 4096, 10_000
X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
Y = np.array([[0], [1], [1], [0]], np.float32)
rng = np.random.default_rng(0)
start = [rng.random((NETWORKS, *shape), np.float32) for shape in ((2, 2), (1, 2), (2, 1), (1, 1))]


def with_jax():
    import jax

    def step(_, parameters):
        w1, b1, w2, b2 = parameters
        h = jax.nn.sigmoid(X @ w1 + b1)
        y = jax.nn.sigmoid(h @ w2 + b2)
        d = (y - Y) * y * (1 - y)
        dh = (d @ w2.T) * h * (1 - h)
        return w1 - 0.1 * X.T @ dh, b1 - 0.1 * dh.sum(0), w2 - 0.1 * h.T @ d, b2 - 0.1 * d.sum(0)

    train = jax.jit(jax.vmap(lambda parameters: jax.lax.fori_loop(0, EPOCHS, step, parameters)))
    parameters = tuple(p[:, 0] if p.shape[1] == 1 and i % 2 else p for i, p in enumerate(start))
    jax.block_until_ready(train(parameters))
    begun = time.perf_counter()
    jax.block_until_ready(train(parameters))
    return NETWORKS * EPOCHS / (time.perf_counter() - begun)


def with_torch(epochs):
    import torch

    w1, b1, w2, b2 = (torch.tensor(p) for p in start)
    x, y = torch.tensor(X).expand(NETWORKS, 4, 2), torch.tensor(Y)
    begun = time.perf_counter()
    for _ in range(epochs):
        h = torch.sigmoid(torch.baddbmm(b1, x, w1))
        p = torch.sigmoid(torch.baddbmm(b2, h, w2))
        d = (p - y) * p * (1 - p)
        dh = torch.bmm(d, w2.transpose(1, 2)) * h * (1 - h)
        w2 -= 0.1 * torch.bmm(h.transpose(1, 2), d)
        b2 -= 0.1 * d.sum(1, keepdim=True)
        w1 -= 0.1 * torch.bmm(x.transpose(1, 2), dh)
        b1 -= 0.1 * dh.sum(1, keepdim=True)
    return NETWORKS * epochs / (time.perf_counter() - begun)


if sys.argv[1] == "jax":
    print(with_jax())
else:
    # Fewer epochs by default: their number does not affect the rate, and 10,000 would take minutes.
    print(with_torch(int(sys.argv[2]) if len(sys.argv) > 2 else 200))
