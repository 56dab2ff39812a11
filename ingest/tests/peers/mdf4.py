"""Bus logs in MDF 4 by the `asammdf` package.

mdf4.py frames LOG…             each frame as a line: stamp in ns, bus, identifier, 1 where it is a long one, payload
mdf4.py signals DBC OUT LOG…    each signal as a file of stamps (i64) and values (f64), named BUS.MESSAGE.SIGNAL
mdf4.py save LOG FOLDER         the log anew, in each compression and two versions
"""
import re
import sys
from pathlib import Path

import numpy
from asammdf import MDF


def stamps(log, timestamps):
    start = log.header.abs_time
    return [start + round(float(seconds) * 1e9) for seconds in timestamps]


def frames(paths):
    out = sys.stdout
    for path in paths:
        with MDF(path) as log:
            for at, group in enumerate(log.groups):
                if "CAN_DataFrame" not in [channel.name for channel in group.channels]:
                    continue
                signal = log.get("CAN_DataFrame", group=at, raw=True)
                rows = signal.samples
                part = lambda name: rows[f"CAN_DataFrame.{name}"].tolist()
                columns = zip(
                    stamps(log, signal.timestamps), part("BusChannel"), part("ID"), part("IDE"), part("DataLength"),
                    rows["CAN_DataFrame.DataBytes"],
                )
                for stamp, bus, can_id, is_long, length, data in columns:
                    out.write(f"{stamp} {bus} {can_id} {is_long} {bytes(data[:length]).hex()}\n")


def signals(database, folder, paths):
    names = dict(re.findall(r"^BO_ (\d+) (\w+)\s*:", Path(database).read_text(), re.MULTILINE))
    series = {}
    for path in paths:
        with MDF(path) as log:
            decoded = log.extract_bus_logging(database_files={"CAN": [(database, 0)]})
            for at, group in enumerate(decoded.groups):
                bus, can_id = re.match(r"(CAN\d+) message ID=(0x[0-9A-Fa-f]+)", group.channel_group.acq_name).groups()
                for channel in group.channels:
                    if channel.name == "time":
                        continue
                    signal = decoded.get(channel.name, group=at)
                    if signal.samples.dtype.kind in "SU":
                        # The name of a value, whose signal has no other conversion.
                        signal = decoded.get(channel.name, group=at, raw=True)
                    key = f"{bus}.{names[str(int(can_id, 16))]}.{channel.name}"
                    rows = series.setdefault(key, ([], []))
                    rows[0].extend(stamps(log, signal.timestamps))
                    rows[1].extend(signal.samples.astype(float).tolist())
    for key, (times, values) in series.items():
        with open(Path(folder) / key, "wb") as out:
            out.write(numpy.array(times, dtype="<i8").tobytes())
            out.write(numpy.array(values, dtype="<f8").tobytes())


def save(path, folder):
    for version in ("4.11", "4.30"):
        for compression in range(7 if version == "4.30" else 3):
            with MDF(path) as log:
                try:
                    log.convert(version).save(Path(folder) / f"{version}-{compression}.mf4", compression=compression)
                except Exception as error:
                    print(version, compression, error, file=sys.stderr)


command, *arguments = sys.argv[1:]
if command == "frames":
    frames(arguments)
elif command == "signals":
    signals(arguments[0], arguments[1], arguments[2:])
else:
    save(*arguments)
