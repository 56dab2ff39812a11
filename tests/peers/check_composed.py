"""Checks every composed drive of a lake: motion, overlaps, drivable area, and what the provenance rows say.

check_composed.py TABLES
Reads the Delta tables below a folder; nothing of driveloop is used. What it takes for changed is what differs from the host's
rows. Prints a JSON object: drives by recipe, the bounds, the largest figures, and what breaks a bound.
"""
import collections, json, os, sys
import deltalake, numpy, shapely

# What `driveloop synth bounds` publishes.
BOUNDS = {
    "longitudinal_decel_mps2": 8.0,
    "longitudinal_accel_mps2": 4.6,
    "longitudinal_jerk_mps3": 12.65,
    "lateral_accel_mps2": 4.0,
    "curvature_per_m": 0.2,
    "reverse_m": 0.1,
    "walk_speed_mps": 2.5,
    "walk_accel_mps2": 2.5,
    "slide_decel_mps2": 9.81,
    "overlaps": 0.0,
}
GAP_MAX_S = 0.25
COURSE_SPEED_MIN_MPS = 2.0
JERK_S = 0.6
CARGO_HEIGHT_MAX_M = 0.2
# Seen from 100 m, and small things at the angle of 5 cm at 20 m.
RANGE_MAX_M, HEIGHT_ANGLE_RAD = 100.0, 0.05 / 20
# Two boxes overlap by more than the rounding of coordinates.
OVERLAP_MIN_M2 = 1e-9
TOLD_MAX = 50

PLACE = ["x_m", "y_m", "yaw_rad", "length_m", "width_m", "height_m"]
EGO_VIEW = ["ego_x_m", "ego_y_m", "ego_yaw_rad"]


class Report:
    def __init__(self):
        self.extremes = dict.fromkeys(BOUNDS, 0.0)
        self.violations = []

    def most(self, item, track, check, figures):
        """Takes the largest of the figures, and notes it where it is over its bound."""
        figures = numpy.asarray(figures, dtype=float)
        if figures.size == 0:
            return
        figure = float(figures.max()) if numpy.isfinite(figures).all() else float("inf")
        self.extremes[check] = max(self.extremes[check], figure)
        if figure > BOUNDS[check]:
            self.broken(item, track, check, figure)

    def broken(self, item, track, check, figure):
        self.violations.append({"item": item, "track": track, "check": check, "figure": figure})


def read(folder, name, columns, sort=None):
    table = deltalake.DeltaTable(os.path.join(folder, name)).to_pyarrow_table(columns=columns)
    return table.sort_by([(column, "ascending") for column in sort]) if sort else table


def by_drive(table):
    """Columns of each drive as arrays; the table is sorted by drive."""
    logs = table["log_id"].to_numpy(zero_copy_only=False)
    columns = {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names}
    starts = numpy.flatnonzero(numpy.r_[True, logs[1:] != logs[:-1]]) if len(logs) else []
    ends = list(starts[1:]) + [len(logs)]
    return {logs[a]: {name: values[a:b] for name, values in columns.items()} for a, b in zip(starts, ends)}


def corners(rows):
    """Corners of the boxes, shape (rows, 4, 2)."""
    cos, sin = numpy.cos(rows["yaw_rad"]), numpy.sin(rows["yaw_rad"])
    along = numpy.stack([cos, sin], -1) * (rows["length_m"] / 2)[:, None]
    across = numpy.stack([-sin, cos], -1) * (rows["width_m"] / 2)[:, None]
    middle = numpy.stack([rows["x_m"], rows["y_m"]], -1)
    return numpy.stack([middle + along + across, middle - along + across, middle - along - across, middle + along - across], 1)


def pairs(points):
    return numpy.asarray(points, dtype=float).reshape(-1, 2)


class Map:
    """Where one may drive: drivable areas, or the lanes of a map that has none."""

    def __init__(self, areas, lanes):
        drivable = [pairs(polygon) for kind, polygon in areas if kind == "drivable"]
        self.lanes = [self.polygon(numpy.vstack([pairs(left), pairs(right)[::-1]])) for left, right in lanes]
        outlines = [self.polygon(points) for points in drivable] or self.lanes
        self.ground = shapely.union_all(outlines).buffer(1e-6) if outlines else None
        if self.ground is not None:
            shapely.prepare(self.ground)

    @staticmethod
    def polygon(points):
        return shapely.make_valid(shapely.polygons(points)) if len(points) >= 3 else shapely.Polygon()

    def middle_is_on(self, x_m, y_m):
        return shapely.covers(self.ground, shapely.points(x_m, y_m))


def maps(folder):
    areas, lanes = collections.defaultdict(list), collections.defaultdict(list)
    table = read(folder, "map_area", ["log_id", "kind", "polygon"]).to_pylist()
    for row in table:
        areas[row["log_id"]].append((row["kind"], row["polygon"]))
    for row in read(folder, "lane", ["log_id", "left_boundary", "right_boundary"]).to_pylist():
        lanes[row["log_id"]].append((row["left_boundary"], row["right_boundary"]))
    return {log: Map(areas[log], lanes[log]) for log in set(areas) | set(lanes)}


def host_rows(drive, host):
    """For each row of a drive the row of its host with the same track and stamp, or -1."""
    index = {key: i for i, key in enumerate(zip(host["track_id"], host["stamp_ns"]))}
    return numpy.array([index.get(key, -1) for key in zip(drive["track_id"], drive["stamp_ns"])])


def is_elsewhere(drive, host, at):
    there = numpy.maximum(at, 0)
    moved = numpy.zeros(len(at), bool)
    for name in ("x_m", "y_m", "yaw_rad"):
        moved |= drive[name] != host[name][there]
    return moved | (at < 0)


def seconds(stamps_ns):
    """Since the first; the difference is taken before a double would round it."""
    return (stamps_ns - stamps_ns[0]) / 1e9


def runs(stamps_s):
    """Slices without a gap."""
    cuts = numpy.flatnonzero(numpy.diff(stamps_s) > GAP_MAX_S) + 1
    return [slice(a, b) for a, b in zip(numpy.r_[0, cuts], numpy.r_[cuts, len(stamps_s)])]


def motion(rows):
    """Speeds between rows, and at the inner rows: velocity, acceleration, both as vectors."""
    t = seconds(rows["stamp_ns"])
    place = numpy.stack([rows["x_m"], rows["y_m"]], -1)
    dt = numpy.diff(t)[:, None]
    legs = numpy.diff(place, axis=0) / dt
    velocity = (place[2:] - place[:-2]) / (dt[1:] + dt[:-1])
    accel = 2.0 * (legs[1:] - legs[:-1]) / (dt[1:] + dt[:-1])
    return t[1:-1], legs, velocity, accel


def menger(rows):
    """Curvature of the circle through three rows in succession: four times the triangle's area by its sides."""
    p = numpy.stack([rows["x_m"], rows["y_m"]], -1)
    a, b, c = (numpy.linalg.norm(d, axis=1) for d in (p[1:-1] - p[:-2], p[2:] - p[1:-1], p[2:] - p[:-2]))
    u, v = p[1:-1] - p[:-2], p[2:] - p[:-2]
    area = numpy.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]) / 2
    sides = a * b * c
    return numpy.where(sides > 1e-9, 4 * area / numpy.maximum(sides, 1e-9), 0.0)


def jerks(t, along):
    """Slopes of the regression lines through the accelerations of every 0.6 s."""
    slopes = []
    for first in range(len(t)):
        last = numpy.searchsorted(t, t[first] + JERK_S - 0.01)
        if last < len(t):
            slopes.append(abs(numpy.polyfit(t[first:last + 1] - t[first], along[first:last + 1], 1)[0]))
    return slopes


def check_vehicle(report, item, track, rows):
    t, legs, velocity, accel = motion(rows)
    yaw = rows["yaw_rad"][1:-1]
    ahead = numpy.stack([numpy.cos(yaw), numpy.sin(yaw)], -1)
    along = (accel * ahead).sum(1)
    speed = numpy.linalg.norm(velocity, axis=1)
    curvature = menger(rows)
    moves = speed >= COURSE_SPEED_MIN_MPS
    steps = legs[1:] * numpy.diff(seconds(rows["stamp_ns"]))[1:, None]
    report.most(item, track, "longitudinal_decel_mps2", -along)
    report.most(item, track, "longitudinal_accel_mps2", along)
    report.most(item, track, "longitudinal_jerk_mps3", jerks(t, along))
    report.most(item, track, "lateral_accel_mps2", (curvature * speed**2)[moves])
    report.most(item, track, "curvature_per_m", curvature[moves])
    report.most(item, track, "reverse_m", -(steps * ahead).sum(1))


def check_motion(report, item, category, track, rows):
    for run in runs(seconds(rows["stamp_ns"])):
        run = {name: values[run] for name, values in rows.items()}
        if len(run["stamp_ns"]) < 3:
            continue
        _, legs, _, accel = motion(run)
        size = numpy.linalg.norm(accel, axis=1)
        if category == "PEDESTRIAN":
            report.most(item, track, "walk_speed_mps", numpy.linalg.norm(legs, axis=1))
            report.most(item, track, "walk_accel_mps2", size)
        elif category == "DEBRIS":
            report.most(item, track, "slide_decel_mps2", size)
        else:
            check_vehicle(report, item, track, run)


def check_overlaps(report, item, drive, host, at, changed):
    boxes = shapely.polygons(corners(drive))
    host_boxes = shapely.polygons(corners(host))
    reach = numpy.hypot(drive["length_m"], drive["width_m"]) / 2
    order = numpy.argsort(drive["stamp_ns"], kind="stable")
    bounds = numpy.flatnonzero(numpy.r_[True, numpy.diff(drive["stamp_ns"][order]) != 0, True])
    count = 0
    for first, last in zip(bounds[:-1], bounds[1:]):
        rows = order[first:last]
        x, y, r = drive["x_m"][rows], drive["y_m"][rows], reach[rows]
        near = numpy.hypot(x[:, None] - x, y[:, None] - y) <= r[:, None] + r
        near &= changed[rows][:, None] | changed[rows]
        for i, j in zip(*numpy.nonzero(numpy.triu(near, 1))):
            a, b = rows[i], rows[j]
            if shapely.area(shapely.intersection(boxes[a], boxes[b])) <= OVERLAP_MIN_M2:
                continue
            if at[a] >= 0 and at[b] >= 0 and shapely.intersects(host_boxes[at[a]], host_boxes[at[b]]):
                continue
            count += 1
            report.broken(item, f"{drive['track_id'][a]} and {drive['track_id'][b]}", "overlaps", int(drive["stamp_ns"][a]))
    report.extremes["overlaps"] = max(report.extremes["overlaps"], float(count))


def check_ground(report, item, drive, host, at, changed, ground):
    """Changed middles that have left the road, and inserted vehicles and cargo with a corner beside it."""
    recorded = numpy.flatnonzero(changed & (at >= 0))
    off = ~ground.middle_is_on(drive["x_m"][recorded], drive["y_m"][recorded])
    off &= ground.middle_is_on(host["x_m"][at[recorded]], host["y_m"][at[recorded]])
    for row in recorded[off]:
        report.broken(item, drive["track_id"][row], "rows_off_road", int(drive["stamp_ns"][row]))
    inserted = numpy.flatnonzero((at < 0) & (drive["category"] != "PEDESTRIAN"))
    boxes = shapely.polygons(corners({name: drive[name][inserted] for name in PLACE}))
    for row in inserted[~shapely.covers(ground.ground, boxes)]:
        report.broken(item, drive["track_id"][row], "rows_off_road", int(drive["stamp_ns"][row]))


def check_inserted(report, item, drive, at, ego, ground):
    """Small things are small, lie on a lane in the end, and are seen from as near as they must be."""
    eye = {stamp: row for row, stamp in zip(ego, drive["stamp_ns"][ego])}
    inserted = numpy.flatnonzero(at < 0)
    for row in inserted:
        track, height = drive["track_id"][row], drive["height_m"][row]
        there = eye[drive["stamp_ns"][row]]
        away = numpy.hypot(drive["x_m"][row] - drive["x_m"][there], drive["y_m"][row] - drive["y_m"][there])
        if away > min(RANGE_MAX_M, height / HEIGHT_ANGLE_RAD) + 1e-6:
            report.broken(item, track, "seen_from_m", float(away))
    cargo = inserted[drive["category"][inserted] == "DEBRIS"]
    if len(cargo):
        last = cargo[-1]
        if drive["height_m"][last] >= CARGO_HEIGHT_MAX_M:
            report.broken(item, "cargo", "cargo_height_m", float(drive["height_m"][last]))
        middle = shapely.Point(drive["x_m"][last], drive["y_m"][last])
        if ground and ground.lanes and not shapely.covers(ground.lanes, middle).any():
            report.broken(item, "cargo", "cargo_on_lane", 0.0)


def check_ego_view(report, item, drive, states, at, host):
    """What rows say relative to the ego follows from where both are in the map."""
    nearest = numpy.clip(numpy.searchsorted(states["stamp_ns"], drive["stamp_ns"]), 0, len(states["stamp_ns"]) - 1)
    exact = states["stamp_ns"][nearest] == drive["stamp_ns"]
    rows = numpy.flatnonzero(exact & is_elsewhere(drive, host, at))
    ego = nearest[rows]
    dx, dy = drive["x_m"][rows] - states["x_m"][ego], drive["y_m"][rows] - states["y_m"][ego]
    yaw = states["yaw_rad"][ego]
    flat = numpy.abs(2 * (states["qw"][ego] * states["qy"][ego] - states["qz"][ego] * states["qx"][ego])) < 1e-6
    off = numpy.abs(dx * numpy.cos(yaw) + dy * numpy.sin(yaw) - drive["ego_x_m"][rows])
    off = numpy.maximum(off, numpy.abs(dy * numpy.cos(yaw) - dx * numpy.sin(yaw) - drive["ego_y_m"][rows]))
    turn = drive["yaw_rad"][rows] - yaw - drive["ego_yaw_rad"][rows]
    off = numpy.maximum(off, numpy.abs(numpy.angle(numpy.exp(1j * turn))))
    # Where the road is banked the frames are tilted, and the plane is not enough.
    for row in rows[flat & (off > 1e-3)]:
        report.broken(item, drive["track_id"][row], "ego_view", int(drive["stamp_ns"][row]))


def check_before(report, item, drive, host, at, states, host_states, start_ns):
    """Nothing recorded moves differently before the edit."""
    early = (drive["stamp_ns"] < start_ns) & (at >= 0)
    for row in numpy.flatnonzero(early & is_elsewhere(drive, host, at)):
        report.broken(item, drive["track_id"][row], "before_edit", int(drive["stamp_ns"][row]))
    a, b = states["stamp_ns"] < start_ns, host_states["stamp_ns"] < start_ns
    same = a.sum() == b.sum() and all(numpy.array_equal(states[n][a], host_states[n][b]) for n in ("x_m", "y_m", "yaw_rad"))
    if not same or not numpy.array_equal(states["stamp_ns"], host_states["stamp_ns"]):
        report.broken(item, "ego", "before_edit", int(start_ns))


def check_drive(report, item, drive, host, states, host_states, ground):
    name = item["item_id"]
    at = host_rows(drive, host)
    changed = is_elsewhere(drive, host, at)
    for track in numpy.unique(drive["track_id"][changed]):
        rows = numpy.flatnonzero(drive["track_id"] == track)
        rows = rows[numpy.argmax(changed[rows]):]
        if track not in item["edited_tracks"]:
            report.broken(name, track, "not_in_provenance", 0.0)
        columns = {column: drive[column][rows] for column in ["stamp_ns"] + PLACE}
        check_motion(report, name, drive["category"][rows[0]], track, columns)
    check_overlaps(report, name, drive, host, at, changed)
    if ground is not None and ground.ground is not None:
        check_ground(report, name, drive, host, at, changed, ground)
    ego = numpy.flatnonzero(drive["category"] == "EGO_VEHICLE")
    check_inserted(report, name, drive, at, ego, ground)
    check_ego_view(report, name, drive, states, at, host)
    check_before(report, name, drive, host, at, states, host_states, item["edit_start_ns"])
    if not changed.any():
        report.broken(name, "", "nothing_changed", 0.0)


def main(folder):
    report, recipes = Report(), collections.Counter()
    track_columns = ["log_id", "track_id", "stamp_ns", "category"] + PLACE + EGO_VIEW
    tracks = by_drive(read(folder, "object_track", track_columns, ["log_id", "track_id", "stamp_ns"]))
    state_columns = ["log_id", "stamp_ns", "x_m", "y_m", "yaw_rad", "qw", "qx", "qy", "qz"]
    states = by_drive(read(folder, "ego_state", state_columns, ["log_id", "stamp_ns"]))
    drives = {row["log_id"]: row for row in read(folder, "drive", ["log_id", "composed", "source_digest"]).to_pylist()}
    grounds = maps(folder)
    items = deltalake.DeltaTable(os.path.join(folder, "synthetic_item")).to_pyarrow_table().to_pylist()
    for item in items:
        name, host = item["item_id"], item["host_log_id"]
        if item["state"] != "accepted":
            if name in drives:
                report.broken(name, "", "rejected_but_there", 0.0)
            continue
        recipes[item["recipe"]] += 1
        known = host in drives and drives[host]["source_digest"] == item["host_source_digest"]
        if not known or not drives.get(name, {}).get("composed") or drives[host]["composed"]:
            report.broken(name, "", "provenance", 0.0)
            continue
        check_drive(report, item, tracks[name], tracks[host], states[name], states[host], grounds.get(host))
    composed = sum(row["composed"] for row in drives.values())
    if composed != sum(recipes.values()):
        report.broken("", "", "drives_without_provenance", float(composed))
    print(json.dumps({
        "drives": sum(recipes.values()),
        "recipes": recipes,
        "bounds": BOUNDS,
        "extremes": report.extremes,
        "violations": len(report.violations),
        "told": report.violations[:TOLD_MAX],
    }))
    # The readers' threads sometimes abort the interpreter while it shuts down.
    sys.stdout.flush()
    os._exit(0)


main(sys.argv[1])
