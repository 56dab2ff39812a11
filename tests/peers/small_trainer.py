"""A trainer of its own kind, as `train-orchestrator/CONTRACT.md` describes them.

small_trainer.py [predict]

Its model stretches constant velocity by a factor for each step of the horizon, found by gradient descent on the training
split. The parameter `steps` is the number of descents; with `die_at`, the process kills itself at that step of its first
attempt. With `predict`, it is the predict step. Knows driveloop by its environment variables and files alone.
"""
import json, os, signal, sys
import numpy, pyarrow, pyarrow.ipc

environment = {key.removeprefix("DRIVELOOP_"): value for key, value in os.environ.items() if key.startswith("DRIVELOOP_")}


def read(path):
    with pyarrow.OSFile(path) as file:
        return pyarrow.ipc.open_file(file).read_all()


def tensor(table, name, *shape):
    return numpy.asarray(table[name].to_pylist(), dtype=float).reshape(-1, *shape)


def straight(table):
    """The way at constant velocity, in the actor's frame: samples, steps, x and y."""
    velocity = tensor(table, "history", 20, 6)[:, -1, 4:6]
    return velocity[:, None, :] * (numpy.arange(1, 31) / 10)[None, :, None]


def say(**line):
    with open(environment["METRICS"], "a") as metrics:
        metrics.write(json.dumps(line) + "\n")


def loss_and_gradient(factors, table):
    way, future = straight(table), tensor(table, "future", 30, 2)
    error = way * factors[None, :, None] - future
    scale = (way**2).sum() / factors.size
    return float((error**2).mean()), (error * way).sum((0, 2)) / max(scale, 1e-9)


def predict():
    with open(environment["WEIGHTS"]) as file:
        factors = numpy.array(json.load(file))
    inputs = read(environment["INPUTS"])
    x_m, y_m = numpy.moveaxis(straight(inputs) * factors[None, :, None], 2, 0)
    rows = pyarrow.table({"input_id": inputs["input_id"], "x_m": x_m.tolist(), "y_m": y_m.tolist()})
    with pyarrow.OSFile(environment["PREDICTIONS_OUT"], "wb") as file, pyarrow.ipc.new_file(file, rows.schema) as writer:
        writer.write_table(rows)


def fit():
    params = json.loads(environment["PARAMS"])
    checkpoint = os.path.join(environment["CHECKPOINT_DIR"], "checkpoint.json")
    train, validation = (read(os.path.join(environment["DATASET_DIR"], f"{split}.arrow")) for split in ("train", "validation"))
    factors, step = numpy.ones(30), 0
    if os.path.exists(checkpoint):
        with open(checkpoint) as file:
            saved = json.load(file)
        factors, step = numpy.array(saved["factors"]), saved["step"]
    say(event="start", step=step, device="cpu")
    while step < params["steps"]:
        factors = factors - 0.1 * loss_and_gradient(factors, train)[1]
        step += 1
        if environment["ATTEMPT"] == "1" and step == params.get("die_at"):
            os.kill(os.getpid(), signal.SIGKILL)
        if step % int(environment["CHECKPOINT_EVERY_STEPS"]) == 0:
            with open(checkpoint + ".part", "w") as file:
                json.dump({"factors": factors.tolist(), "step": step}, file)
            os.replace(checkpoint + ".part", checkpoint)
            say(event="checkpoint", step=step)
    with open(environment["MODEL_OUT"], "w") as file:
        json.dump(factors.tolist(), file)
    say(event="end", step=step, validation_loss=loss_and_gradient(factors, validation)[0] if validation.num_rows else None)


predict() if sys.argv[1:] == ["predict"] else fit()
