"""The forecaster once more, with NumPy, from the weights as the `safetensors` library of Python reads them.

Called with the weights, a file of inputs and the predictions; prints the largest difference in metres as JSON."""

import json
import sys

import numpy as np
import pyarrow as pa
from safetensors import safe_open
from safetensors.numpy import load_file

weights_path, samples_path, predictions_path = sys.argv[1:]
weights = load_file(weights_path)
with safe_open(weights_path, framework="numpy") as file:
    names = sorted(file.keys())


def rows(path):
    with pa.OSFile(path) as source:
        return pa.ipc.open_file(source).read_all().to_pylist()


def layer(name, x):
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def relu(x):
    return np.maximum(x, 0.0)


def forecast(sample):
    """Positions in the frame of the actor, every 0.1 s for 3 s."""
    history = np.asarray(sample["history"]).reshape(20, 6)
    neighbours = np.asarray(sample["neighbours"]).reshape(8, 10)
    lane = np.asarray(sample["lane"]).reshape(10, 3)
    actor = np.asarray(sample["actor"]) / [5, 2, 1, 1, 1]
    encoded = np.concatenate([(history / [20, 5, 1, 1, 10, 5]).ravel(), actor])
    encoded = relu(layer("history.0", encoded))
    encoded = relu(layer("history.1", encoded))
    others = relu(layer("neighbour.0", neighbours / [1, 20, 20, 1, 1, 10, 10, 5, 2, 1]))
    others = relu(layer("neighbour.1", others)) * neighbours[:, :1]
    road = relu(layer("lane.0", (lane / [1, 25, 10]).ravel()))
    head = relu(layer("head.0", np.concatenate([encoded, others.max(axis=0), road])))
    correction = layer("head.2", relu(layer("head.1", head))).reshape(30, 2)
    step = np.arange(1, 31)[:, None]
    return history[-1, 4:] * step * 0.1 + correction * 5.0 * step / 30


predictions = {row["input_id"]: row for row in rows(predictions_path)}
largest = 0.0
samples = rows(samples_path)
for sample in samples:
    path = forecast(sample)
    predicted = predictions[sample["input_id"]]
    found = np.stack([predicted["x_m"], predicted["y_m"]], axis=1)
    largest = max(largest, float(np.abs(path - found).max()))
dtypes = sorted({str(tensor.dtype) for tensor in weights.values()})
print(json.dumps({"samples": len(samples), "largest_m": largest, "names": names, "dtypes": dtypes}))
