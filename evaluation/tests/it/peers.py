"""The figures of predictions once more: displacements with NumPy, boxes and roads with Shapely, derivatives with SciPy, the bootstrap with NumPy.

Reads questions as JSON from standard input, writes answers to standard output. Boxes are `[x, y, yaw, length, width]`."""

import json
import sys

import numpy as np
from scipy.signal import savgol_filter
from shapely import Point, Polygon, affinity, box, unary_union

STEP_S = 0.1


def shape(b):
    x, y, yaw, length, width = b
    upright = box(-length / 2, -width / 2, length / 2, width / 2)
    turned = affinity.rotate(upright, yaw, origin=(0, 0), use_radians=True)
    return affinity.translate(turned, x, y)


def predicted_boxes(present, predicted):
    x, y, yaw, length, width = present
    boxes = []
    for px, py in predicted:
        if np.hypot(px - x, py - y) >= 0.2:
            yaw = np.arctan2(py - y, px - x)
        x, y = px, py
        boxes.append([x, y, yaw, length, width])
    return boxes


def collides(case):
    path = [shape(b) for b in predicted_boxes(case["present"], case["predicted"])]
    real = [shape(b) for b in case["future"]]
    for present, *steps in case["others"]:
        if present and shape(case["present"]).intersects(shape(present)):
            continue
        for predicted, own, other in zip(path, real, steps):
            if other and predicted.intersects(shape(other)) and not own.intersects(shape(other)):
                return True
    return False


def derivatives(path):
    """Velocity, acceleration and jerk of a path, as complex numbers."""
    path = np.asarray(path) @ [1, 1j]
    filtered = lambda part, order: savgol_filter(part, 15, 3, deriv=order, delta=STEP_S, mode="interp")
    return [filtered(path.real, k) + 1j * filtered(path.imag, k) for k in (1, 2, 3)]


def is_uncomfortable(path):
    """The bounds of nuPlan's `ego_is_comfortable`; what has a direction only from 2 m/s on."""
    velocity, accel, jerk = derivatives(path)
    if (np.abs(jerk) > 8.37).any():
        return True
    moving = np.abs(velocity) >= 2.0
    velocity, accel, jerk = velocity[moving], accel[moving], jerk[moving]
    # In the frame that moves along: the real part is along the motion, the imaginary part to its left.
    frame = velocity / np.abs(velocity)
    accel_in, jerk_in = accel / frame, jerk / frame
    # The rate of the direction is the imaginary part of the derivative of the logarithm of the velocity.
    yaw_rate = (accel / velocity).imag
    yaw_accel = (jerk / velocity - (accel / velocity) ** 2).imag
    return bool(
        (accel_in.real < -4.05).any()
        or (accel_in.real > 2.40).any()
        or (np.abs(accel_in.imag) > 4.89).any()
        or (np.abs(yaw_rate) > 0.95).any()
        or (np.abs(yaw_accel) > 1.93).any()
        or (np.abs(jerk_in.real) > 4.13).any()
    )


def answer(case):
    real = [case["present"][:2]] + [b[:2] for b in case["future"]]
    predicted = case["predicted"]
    off = np.linalg.norm(np.asarray(predicted) - np.asarray(real[1:]), axis=1)
    road = unary_union([Polygon(outline) for outline in case["areas"]])
    on_road = lambda path: all(road.contains(Point(p)) for p in path)
    uncomfortable = is_uncomfortable([real[0]] + predicted)
    return {
        "ade_m": float(off.mean()),
        "fde_m": float(off[-1]),
        "miss": float(off[-1] > 2.0),
        "collision": float(collides(case)),
        "off_road": float(not on_road(predicted)) if on_road(real) else None,
        "discomfort": None if is_uncomfortable(real) else float(uncomfortable),
    }


def interval(question):
    """Whole drives are drawn; the mean over the samples is studentised by the error of a ratio of sums (Cochran, section 6.3)."""
    total, samples = (np.asarray(question[name]) for name in ("sum", "samples"))
    drives = len(total)

    def mean_and_error(total, samples):
        mean = total.sum(-1, keepdims=True) / samples.sum(-1, keepdims=True)
        squares = ((total - mean * samples) ** 2).sum(-1)
        return mean[..., 0], np.sqrt(drives / (drives - 1) * squares) / samples.sum(-1)

    mean, error = mean_and_error(total, samples)
    drawn = np.random.default_rng(7).integers(drives, size=(20_000, drives))
    means, errors = mean_and_error(total[drawn], samples[drawn])
    above, below = np.quantile((means - mean) / errors, [0.975, 0.025])
    return [float(mean - above * error), float(mean - below * error)]


questions = json.load(sys.stdin)
answers = {"cases": [answer(case) for case in questions["cases"]], "interval": interval(questions["drives"])}
json.dump(answers, sys.stdout)
